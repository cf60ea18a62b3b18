/*
 * peak.h -- how fast this CPU multiplies and adds with one level's product
 * instruction and nothing else: what a kernel's speed is a share of.
 */
#ifndef VQ_PEAK_H
#define VQ_PEAK_H

typedef struct PeakProbe PeakProbe;

/* The probe of a CPU level, by its name; NULL: there is none. */
const PeakProbe *vq_peak_probe(const char *level);
/* The instruction, for people: "vpdpbusd, 512 bits". */
const char *vq_peak_name(const PeakProbe *);
/* Multiply-adds a second of the calling thread, from some 30 microseconds of
 * work. Only on a CPU that runs the level, and after the object has run at it,
 * which is when a process gets the AMX tiles. */
double vq_peak_measure(const PeakProbe *);

#endif
