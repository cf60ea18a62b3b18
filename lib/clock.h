/* clock.h -- seconds, to take differences of. */
#ifndef VQ_CLOCK_H
#define VQ_CLOCK_H

/* Of a clock that nobody sets. */
double vq_clock(void);
/* That the calling thread had a CPU. */
double vq_clock_thread(void);

#endif
