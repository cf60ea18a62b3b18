"""What a reader must know of the machine, and how busy others kept it."""
import os
import platform
import time

FLAGS = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16",
         "amx_tile", "amx_int8", "hypervisor")


def read(path, otherwise=""):
    try:
        with open(path) as f:
            return f.read().strip()
    except OSError:
        return otherwise


def read_cache(path):
    kind = {"Data": "d", "Instruction": "i"}.get(read(f"{path}/type"), "")
    return f"L{read(f'{path}/level')}{kind} {read(f'{path}/size')}"


def describe():
    info = dict(line.split(":", 1) for line in
                read("/proc/cpuinfo").split("\n\n")[0].splitlines()
                if ":" in line)
    info = {k.strip(): v.strip() for k, v in info.items()}
    flags = info.get("flags", "").split()
    caches = "/sys/devices/system/cpu/cpu0/cache/index"
    return {
        "cpu": info.get("model name", platform.processor()),
        "family": f"{info.get('vendor_id', '?')} family "
                  f"{info.get('cpu family', '?')} model "
                  f"{info.get('model', '?')} stepping "
                  f"{info.get('stepping', '?')}",
        "flags": [f for f in FLAGS if f in flags],
        "cpus": os.cpu_count(),
        "caches": [read_cache(f"{caches}{i}") for i in range(4)
                   if os.path.exists(f"{caches}{i}/size")],
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") *
                           os.sysconf("SC_PAGE_SIZE") / 1e9, 1),
        "system": platform.platform(),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/"
                         "scaling_governor", "not readable"),
    }


class Busy:
    """Shares of all CPU time since it was made: taken by the hypervisor for
    other machines, and by other processes of this one."""

    def __init__(self):
        self.start = self.sample()

    @staticmethod
    def sample():
        fields = [int(n) for n in
                  read("/proc/stat", "cpu 0").splitlines()[0].split()[1:9]]
        fields += [0] * (8 - len(fields))
        user, nice, system, _, _, irq, soft, steal = fields
        tick = os.sysconf("SC_CLK_TCK")
        own = os.times()
        return (time.monotonic(), steal / tick,
                (user + nice + system + irq + soft) / tick - own.user -
                own.system)

    def shares(self):
        wall, steal, others = (b - a for a, b in
                               zip(self.start, self.sample()))
        total = max(wall, 1e-9) * (os.cpu_count() or 1)
        return {"steal": round(steal / total, 4),
                "others": round(max(others, 0) / total, 4)}
