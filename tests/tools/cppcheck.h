/* SPDX-License-Identifier: BSD-2-Clause */
/* cppcheck reads no system headers: of sys/queue.h what it has to know. */
#define TAILQ_HEAD(name, type)                                                 \
	struct name {                                                          \
		struct type *tqh_first;                                        \
	}
#define TAILQ_ENTRY(type)                                                      \
	struct {                                                               \
		struct type *tqe_next;                                         \
	}
#define LIST_HEAD(name, type)                                                  \
	struct name {                                                          \
		struct type *lh_first;                                         \
	}
#define LIST_ENTRY(type)                                                       \
	struct {                                                               \
		struct type *le_next;                                          \
	}
#define TAILQ_FOREACH(var, head, field)                                        \
	for ((var) = (head)->tqh_first; (var); (var) = (var)->field.tqe_next)
#define LIST_FOREACH(var, head, field)                                         \
	for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)
#define STAILQ_HEAD(name, type)                                                \
	struct name {                                                          \
		struct type *stqh_first;                                       \
	}
#define STAILQ_ENTRY(type)                                                     \
	struct {                                                               \
		struct type *stqe_next;                                        \
	}
#define STAILQ_FOREACH(var, head, field)                                       \
	for ((var) = (head)->stqh_first; (var); (var) = (var)->field.stqe_next)
