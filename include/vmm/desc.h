/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VM descriptions and schedules: compiled devicetrees (docs/description.md). Each is parsed and
 * validated as a whole before it is used. Also built natively as the checker.
 */
#ifndef VMM_DESC_H
#define VMM_DESC_H

#include <lib/bucket.h>
#include <lib/types.h>

/*
 * ---- the place of a VM's RAM in its address space: banks, in ascending order, not adjacent. Pure
 * ----
 */

#define GUEST_RAM_BASE 0x40000000ULL /* if the description does not say */
#define GUEST_RAM_MAX  GIB(255)      /* the most RAM of a VM */
#define RAM_BANKS_MAX  8

struct ram_bank {
	u64 base, size; /* multiples of 2 MiB */
};

struct ram_map {
	u32 count;
	struct ram_bank banks[RAM_BANKS_MAX];
};

/* One bank of `size` bytes at GUEST_RAM_BASE. */
struct ram_map ram_map_default(u64 size);

/* Bytes in all banks. */
u64 ram_map_size(const struct ram_map *m);

/*
 * True if all of [ipa, ipa + len) is RAM. It may continue from one bank to the next. False for an
 * empty range (len 0) outside RAM.
 */
bool __must_check ram_map_holds(const struct ram_map *m, u64 ipa, u64 len);

/* The bank that contains ipa. NULL: ipa is not RAM. */
const struct ram_bank *ram_map_bank(const struct ram_map *m, u64 ipa);

/*
 * Check a RAM map. -EINVAL with the reason in `why`: a bank is empty, is not of whole blocks, lies
 * before or in the bank before it, or lies where the guest machine has something else. 0 if it is
 * valid.
 */
int __must_check ram_map_check(const struct ram_map *m, char *why, size_t size);

/* Room for the result of ram_map_text(). */
#define RAM_MAP_TEXT 80
/* "512 MiB at 0x40000000"; of several banks the first two. For messages. Returns buf. */
const char *ram_map_text(const struct ram_map *m, char *buf, size_t size);

/* ---- descriptions ---- */

#define DESC_NAME_MAX  24
#define DESC_PATH_MAX  256
#define DESC_ARGS_MAX  2048 /* COMMAND_LINE_SIZE of arm64 Linux */
#define DESC_CPUS_MAX  32   /* VM_MAX_VCPUS */
#define GICV2_CPUS_MAX 8    /* what its registers have bits for */

/* MPIDR affinity of vCPU n: Aff0 counts to 16, as `virt` has it, then Aff1. */
static inline u32 desc_cpu_affinity(u32 n)
{
	return (n / 16) << 8 | n % 16;
}

/* The vCPU with that affinity, Aff3 in bits 31:24; DESC_CPUS_MAX or more: there is none. */
static inline u32 desc_cpu_index(u64 affinity)
{
	return affinity & ~0xf0fUL ? DESC_CPUS_MAX : (u32)(affinity >> 4 | (affinity & 0xf));
}

/* us; the shortest budget is a tenth of the shortest period */
#define DESC_PERIOD_MIN 100
#define DESC_PERIOD_MAX 10000000
#define DESC_BUDGET_MIN 10

#define DESC_HANG_MIN 1000 /* ms: the time of several looks (vmm/cpu.h) */
#define DESC_HANG_MAX 3600000
#define DESC_LATE_MAX 1000000 /* us */

#define CONSOLE_PORT_ANY  (-1) /* the lowest free port */
#define CONSOLE_PORT_NONE (-2)

enum restart_policy { RESTART_NEVER, RESTART_ON_FAILURE, RESTART_ALWAYS };

/*
 * Where an image is: a file of the bundle, or preloaded in memory. If both are empty, there is
 * none.
 */
struct image_ref {
	char path[DESC_PATH_MAX];
	const void *data; /* of a file that desc_check() has found; else NULL */
	paddr_t pa;       /* of a preloaded image */
	u64 size;
};

/* ---- virtio devices: the nodes of /devices ---- */

#define VIRTIO_SLOTS     32  /* transports of the guest machine */
#define DESC_VIRTIO_MAX  8   /* devices of a VM */
#define VIRTIO_IMAGE_MAX 128 /* of a disk's path in the bundle */
#define VIRTIO_DISK_MAX  120 /* of the name of a machine's disk or partition */
#define VIRTIO_SERIAL    20  /* bytes of a disk's serial number */
#define DESC_PORTS       3   /* of a console, beside the terminal; or host ports of sockets */
#define HOST_PORT_MAX    0x7fffffffU /* of sockets */
#define DESC_CONTROL_MAX 16          /* types that a VM may control */
/* The port by which a guest controls VMs, and the console that has it where no other could. */
#define CONTROL_PORT    "org.zvm.control"
#define CONTROL_CONSOLE "control"

enum desc_virtio_kind {
	VIRTIO_NONE,
	VIRTIO_RNG,
	VIRTIO_BLK,
	VIRTIO_CONSOLE,
	VIRTIO_NET,
	VIRTIO_VSOCK,
	VIRTIO_BALLOON,
	VIRTIO_RPMSG
};

struct desc_virtio {
	char name[DESC_NAME_MAX]; /* of the node */
	enum desc_virtio_kind kind;
	u32 slot; /* of the transport; VIRTIO_SLOTS: not chosen yet */
	/* a disk */
	char image[VIRTIO_IMAGE_MAX]; /* a file of the bundle; or: */
	char disk[VIRTIO_DISK_MAX];   /* a disk of the machine, or a partition (description.md) */
	char serial[VIRTIO_SERIAL + 1];
	bool readonly;
	bool discard; /* what was written is gone at a reset */
	struct rate_limit kib, requests;
	union {
		struct { /* a port of a network */
			char network[DESC_NAME_MAX];
			u64 mac;         /* the first byte is the most significant; 0: made */
			bool mac_filter; /* frames with other source addresses are dropped */
			/* as the VM sees it */
			struct rate_limit in_kib, in_frames, out_kib, out_frames;
		};
		struct { /* a console's further ports: their names */
			u32 port_count;
			char ports[DESC_PORTS][DESC_NAME_MAX];
			bool no_terminal; /* its terminal takes no port of the machine */
			bool has_control; /* the last one is CONTROL_PORT */
		};
		struct { /* ports of the machine that sockets may reach, and be reached by */
			u32 host_port_count;
			u32 host_ports[DESC_PORTS];
		};
		char link[DESC_NAME_MAX]; /* of RPMsg: two VMs name it */
	};
	u32 cid; /* the context ID of sockets; 0: made of the VM's number */
};

/* ---- channels: the nodes of /channels ---- */

#define DESC_CHANNELS_MAX     8 /* of a VM; a power of two */
#define DESC_PEERS_MAX        16
#define DESC_CHANNEL_PAGE     KIB(4)
#define DESC_CHANNEL_SIZE_MIN MIB(2)  /* of the BAR: stage 2 shows it in steps of that size */
#define DESC_CHANNEL_SIZE_MAX MIB(64) /* the same: a guest moves it in one short step */

struct desc_channel {
	char name[DESC_NAME_MAX]; /* of the node, and of the channel */
	u32 peer_count;
	char peers[DESC_PEERS_MAX][DESC_NAME_MAX]; /* names of VMs; the index is the peer's ID */
	u64 size;     /* bytes of the section that all peers write, a multiple of 4 KiB */
	u32 output;   /* bytes of the section of each peer that only it writes; the same */
	u32 protocol; /* 16 bits */
	bool cached;  /* its memory is write-back where the guest's own tables say so */
};

/* Bytes of a channel's memory: the state table, a page; what all write; what each writes. */
static inline u64 desc_channel_bytes(const struct desc_channel *c)
{
	return DESC_CHANNEL_PAGE + c->size + (u64)c->peer_count * c->output;
}

/* ---- tasks of a real-time VM: the nodes /task<n>, for its timing (vmm/timing.h) ---- */

#define DESC_TASKS_MAX 8 /* of a VM */

struct desc_task {
	u32 number;                          /* of the node */
	u32 period_us, wcet_us, deadline_us; /* wcet <= deadline <= period */
};

struct vm_desc {
	char label[DESC_NAME_MAX];
	u32 cpus;
	struct ram_map ram;
	struct image_ref firmware;       /* a file of the bundle */
	char variables[VIRTIO_DISK_MAX]; /* the disk or partition that keeps its flash */
	struct image_ref kernel;
	struct image_ref initrd;
	struct image_ref devicetree;
	bool has_load_address, has_devicetree_address;
	u64 load_address, devicetree_address;
	char bootargs[DESC_ARGS_MAX];
	u32 priority;             /* 0..PRIO_LOWEST */
	u64 affinity;             /* 0: any */
	bool dedicated;           /* each vCPU has a CPU to itself */
	u64 period_us, budget_us; /* of each vCPU; 0: no limit */
	u32 weight;               /* among VMs of its priority that are not real-time */
	bool fifo;                /* no time slices among equals */
	enum restart_policy restart;
	u32 hang_timeout_ms; /* all vCPUs with IRQs masked for this long are a failure; 0: never */
	u32 late_limit_us;   /* timers that come later are explained; 0: none is */
	u32 gic_version;     /* 2, 3; 0: the machine's */
	bool autostart;
	bool watchdog;
	bool pmu;       /* performance monitors */
	bool eager;     /* all of its RAM is cleared and mapped before it starts */
	u32 task_count; /* of vCPU 0 */
	/* The shortest deadline first: it is the most urgent. See desc_parse(). */
	const struct desc_task *tasks;
	u32 virtio_count;
	struct desc_virtio virtio[DESC_VIRTIO_MAX];
	u32 channel_count;
	const struct desc_channel *channels; /* few VMs have any: see desc_parse() */
	s32 console_port;                    /* or CONSOLE_PORT_ANY, CONSOLE_PORT_NONE */
	u32 control_count;
	char control[DESC_CONTROL_MAX][DESC_NAME_MAX]; /* labels of the types that it controls */
};

/* ---- the guest machine: the places of its devices (docs/description.md) ---- */

#define GUEST_GICD_BASE     0x08000000ULL
#define GUEST_GICC_BASE     0x08010000ULL /* GICv2 */
#define GUEST_GICR_BASE     0x080a0000ULL
#define GUEST_UART_BASE     0x09000000ULL
#define GUEST_RTC_BASE      0x09010000ULL
#define GUEST_FW_CFG_BASE   0x09020000ULL
#define GUEST_GPIO_BASE     0x09030000ULL
#define GUEST_WATCHDOG_BASE 0x09050000ULL /* `virt` has nothing there */
#define GUEST_VIRTIO_BASE   0x0a000000ULL
#define GUEST_VIRTIO_SIZE   0x4000ULL     /* VIRTIO_SLOTS of them */
#define GUEST_VIRTIO_SLOT   0x200ULL      /* bytes of a slot */
#define GUEST_PVTIME_BASE   0x090a0000ULL /* a page of stolen time */
#define GUEST_FLASH_BASE    0x00000000ULL
#define GUEST_FLASH1_BASE   0x04000000ULL
#define GUEST_FLASH_SIZE    0x04000000ULL /* of each */
#define GUEST_GICV2M_BASE   0x08020000ULL
#define GUEST_ITS_BASE      0x08080000ULL
#define GUEST_PCI_WINDOW    0x10000000ULL
#define GUEST_PCI_ECAM      0x4010000000ULL
#define GUEST_PCI_WINDOW_64 0x8000000000ULL
#define GUEST_PCI_CONFIG    KIB(4) /* of each function in the ECAM */
/* What `virt` has there. Behind the 32-bit window there are 64 KiB of ports. */
#define GUEST_PCI_WINDOW_ALL    0x2f000000ULL
#define GUEST_PCI_ECAM_ALL      MIB(256)
#define GUEST_PCI_WINDOW_64_ALL GIB(512)
/* What a VM's own bus has of it: bus 0, and places for memory. */
#define GUEST_PCI_WINDOW_SIZE    0x2eff0000ULL
#define GUEST_PCI_ECAM_SIZE      MIB(1)
#define GUEST_PCI_WINDOW_64_SIZE GIB(1)
#define GUEST_UART_IRQ           33
#define GUEST_RTC_IRQ            34
#define GUEST_PCI_IRQ            35 /* of INTA of device 0; four of them */
#define GUEST_GPIO_IRQ           39
#define GUEST_WATCHDOG_IRQ       128
#define GUEST_VIRTIO_IRQ         48 /* of slot 0; one a slot */

/* A device with a node in the generated devicetree. */
struct desc_device {
	const char *node; /* its name */
	u64 base;
	u32 size, intid;
	/* Lists of strings; the last string is empty. Each clock is the bus clock. */
	const char *compatible, *clock_names;
	bool gpio;  /* it is a GPIO controller, with the power key */
	u32 wanted; /* offset in struct vm_desc of the flag that adds it; 0: every VM has it */
};

enum { DEVICE_UART, DEVICE_RTC, DEVICE_GPIO, DEVICE_WATCHDOG, DEVICES };
extern const struct desc_device desc_devices[DEVICES];

#define GUEST_CLOCK_HZ  24000000 /* the bus clock */
#define GUEST_POWER_KEY 3        /* its line of the GPIO controller */

/* True if a VM with this description has the device. */
bool desc_has_device(const struct vm_desc *d, const struct desc_device *device);

/* The place of a virtio device. */
static inline u64 desc_virtio_base(const struct desc_virtio *d)
{
	return GUEST_VIRTIO_BASE + d->slot * GUEST_VIRTIO_SLOT;
}

/* True if VMs with this description may control those of the type with that label. */
bool desc_controls(const struct vm_desc *d, const char *label);

/* Why a description was refused, in one line: file, node, property. */
struct desc_error {
	char text[512];
};

/*
 * Write "file: node: property: text" (node and property may be NULL). Characters that a terminal
 * should not see are replaced. Returns -EINVAL.
 */
int desc_refuse(struct desc_error *err, const char *file, const char *node, const char *prop,
		const char *fmt, ...) __printf(5, 6);

/*
 * Parse a compiled description (8-byte aligned). file: its name, for messages. 0, or -EINVAL with
 * err filled. Nothing is allocated. On success `d` is complete; else it must not be used. Its
 * channels and tasks are where the next call puts its own: the caller copies what it keeps. Errors
 * are: unknown properties and nodes, bad sizes, ranges, overlaps. Features that this build does not
 * provide (passthrough) are refused by name as not supported.
 */
int __must_check desc_parse(const void *fdt, u64 size, const char *file, struct vm_desc *d,
			    struct desc_error *err);

/*
 * True if a VM with this description is real-time: priority below 16, FIFO, a budget and period, or
 * dedicated CPUs.
 */
bool desc_is_real_time(const struct vm_desc *d);

/* What is wrong with d's tasks. NULL: nothing. */
const char *desc_tasks_problem(const struct vm_desc *d);

/*
 * What is wrong with d's scheduling, by itself and for its devices; *prop is the property. NULL:
 * nothing.
 */
const char *desc_sched_problem(const struct vm_desc *d, const char **prop);

/*
 * Set the defaults of all properties: one vCPU, priority 20, any CPU, the lowest free console port.
 */
void desc_defaults(struct vm_desc *d);

/*
 * ---- time windows: the bundle's schedule.dtb gives CPUs a major frame, which repeats, and gives
 * VMs windows in it ----
 */

#define SCHEDULE_FILE    "schedule.dtb"
#define SCHEDULE_CPUS    64
#define SCHEDULE_WINDOWS 12 /* windows of a CPU */

#define FRAME_US_MIN  1000
#define FRAME_US_MAX  10000000
#define WINDOW_US_MIN 50

struct schedule_window {
	char node[DESC_NAME_MAX];
	char vm[DESC_NAME_MAX]; /* the VM's name */
	u64 offset_us, length_us;
	u8 number; /* the VM's number, if it has windows (sched_params.window); 0: none yet */
};

struct schedule_cpu {
	u64 frame_us; /* 0: there are no windows on this CPU */
	u32 count;
	struct schedule_window windows[SCHEDULE_WINDOWS]; /* in the order of time */
};

struct schedule {
	struct schedule_cpu cpus[SCHEDULE_CPUS];
};

/*
 * Parse a compiled schedule (8-byte aligned). 0 or -EINVAL with err filled: file, node, property.
 * Windows lie within the frame and do not overlap. Nothing is allocated.
 */
int __must_check schedule_parse(const void *fdt, u64 size, const char *file, struct schedule *s,
				struct desc_error *err);

/*
 * Add a window to those of a CPU. 0. -EINVAL if it does not fit: the arithmetic is in `why`, the
 * property at fault in *prop, and nothing is changed.
 */
int __must_check schedule_add_window(struct schedule_cpu *c, const struct schedule_window *new,
				     const char **prop, char *why, size_t size);

/* True if a devicetree claims to be a schedule. */
bool schedule_is_one(const void *fdt, u64 size);

#endif
