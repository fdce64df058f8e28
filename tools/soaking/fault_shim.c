// Makes chosen system calls of a program fail, come up short, or be its last.
//
//   cc -shared -fPIC -O1 -o fault_shim.so fault_shim.c -ldl -lpthread
//   FAULT_DIR=/folder FAULT=write:3:ENOSPC:sticky LD_PRELOAD=./fault_shim.so program
//
// FAULT is a list, separated by commas, of CALL:N:ACTION[:MODE].
//   CALL    any open read write sync truncate allocate map rename unlink mkdir lock list stat
//   N       the how many-th such call, from 1 on, over all threads, on files below FAULT_DIR
//   ACTION  an error such as EIO   the call is not made and fails with it
//           short                  half of the bytes are read or written; the call says so
//           torn                   half of the bytes are written; the call fails with EIO
//           flip                   a bit of what was read is turned over
//           lie                    a write or sync is not made and says that it succeeded
//           kill, torn-kill        the process dies before the call, or in the middle of a write
//           cut, cut-after         the file system is shut down, as by a loss of power, before the
//           cut-log                call or after it; cut-log: with the journal written first, so
//                                  that names are ahead of what is in the files
//           delay=MS               the call takes so many milliseconds longer
//   MODE    once (the default); sticky: from N on; alternate: N, N+2, N+4, …
//
// FAULT_LOG names a file for a line a call: its number of all, its kind, its number of its kind,
// path and bytes; and a line that begins with FIRED for each fault. FAULT_NOFILE sets the limit of
// open files once the program is loaded. What cannot be seen here: mapped memory.
//
// It is C because the calls have to be replaced before the program's own runtime starts.
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum call {
  ANY, OPEN, READ, WRITE, SYNC, TRUNCATE, ALLOCATE, MAP, RENAME, UNLINK, MKDIR, LOCK, LIST, STAT,
  CALL_COUNT
};
static const char *const call_names[CALL_COUNT] = {
  "any", "open", "read", "write", "sync", "truncate", "allocate", "map", "rename", "unlink",
  "mkdir", "lock", "list", "stat"};

enum action {
  NOTHING, FAIL, SHORT, TORN, FLIP, LIE, KILL, TORN_KILL, CUT, CUT_AFTER, CUT_LOG, DELAY
};
enum mode { ONCE, STICKY, ALTERNATE };

struct fault {
  enum call call;
  long index;
  enum action action;
  int value;  // the error number, or the milliseconds
  enum mode mode;
};

static struct fault faults[16];
static int fault_count;
static atomic_long counts[CALL_COUNT];
static char folder[PATH_MAX];
static size_t folder_length;
static int log_descriptor = -1;
// Held for reading by every sync, for writing by a cut: a sync that raced with the shutdown may
// return 0 for bytes that are lost, which no loss of power does.
static pthread_rwlock_t sync_lock = PTHREAD_RWLOCK_INITIALIZER;

static const struct { const char *name; int value; } errors[] = {
  {"EIO", EIO}, {"ENOSPC", ENOSPC}, {"EINTR", EINTR}, {"EMFILE", EMFILE}, {"ENFILE", ENFILE},
  {"EAGAIN", EAGAIN}, {"EDQUOT", EDQUOT}, {"EROFS", EROFS}, {"EACCES", EACCES}, {"EPERM", EPERM},
  {"EFBIG", EFBIG}, {"ENOMEM", ENOMEM}, {"EINVAL", EINVAL}, {"ENOLCK", ENOLCK}, {"ENODEV", ENODEV}};

static void usage(const char *text) {
  dprintf(2, "fault shim: cannot read FAULT at '%s'\n", text);
  _exit(99);
}

static void parse_action(struct fault *fault, const char *text) {
  static const struct { const char *name; enum action action; } actions[] = {
    {"short", SHORT}, {"torn", TORN}, {"flip", FLIP}, {"lie", LIE}, {"kill", KILL},
    {"torn-kill", TORN_KILL},
    {"cut", CUT}, {"cut-after", CUT_AFTER}, {"cut-log", CUT_LOG}};
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
    if (!strcmp(text, actions[i].name)) { fault->action = actions[i].action; return; }
  if (!strncmp(text, "delay=", 6)) {
    fault->action = DELAY;
    fault->value = atoi(text + 6);
    return;
  }
  fault->action = FAIL;
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    if (!strcmp(text, errors[i].name)) { fault->value = errors[i].value; return; }
  usage(text);
}

static void parse(char *text) {
  char *rest = NULL;
  for (char *item = strtok_r(text, ",", &rest); item; item = strtok_r(NULL, ",", &rest)) {
    if (fault_count == 16) usage(item);
    struct fault *fault = &faults[fault_count++];
    char *part = NULL;
    char *call = strtok_r(item, ":", &part);
    char *index = strtok_r(NULL, ":", &part);
    char *action = strtok_r(NULL, ":", &part);
    char *mode = strtok_r(NULL, ":", &part);
    if (!call || !index || !action) usage(item);
    int found = -1;
    for (int i = 0; i < CALL_COUNT; i++) if (!strcmp(call, call_names[i])) found = i;
    if (found < 0) usage(call);
    fault->call = (enum call)found;
    fault->index = atol(index);
    parse_action(fault, action);
    if (mode && !strcmp(mode, "sticky")) fault->mode = STICKY;
    else if (mode && !strcmp(mode, "alternate")) fault->mode = ALTERNATE;
    else if (mode && strcmp(mode, "once")) usage(mode);
  }
}

__attribute__((constructor)) static void begin(void) {
  const char *place = getenv("FAULT_DIR");
  if (!place || !realpath(place, folder)) return;
  folder_length = strlen(folder);
  const char *log = getenv("FAULT_LOG");
  if (log)
    log_descriptor =
      (int)syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  const char *text = getenv("FAULT");
  if (text) parse(strdup(text));
  const char *limit = getenv("FAULT_NOFILE");
  if (limit) {
    struct rlimit files = {(rlim_t)atol(limit), (rlim_t)atol(limit)};
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

static void *next_symbol(const char *name) {
  void *found = dlsym(RTLD_NEXT, name);
  if (!found) _exit(98);
  return found;
}
#define REAL(name) \
  static __typeof__(&name) real; \
  if (!real) real = (__typeof__(&name))next_symbol(#name)

// MARK: Which files

static int is_below(const char *path) {
  return folder_length && !strncmp(path, folder, folder_length)
    && (path[folder_length] == '/' || path[folder_length] == 0);
}

static int path_of(int descriptor, char *path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  long count = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
  if (count <= 0) return 0;
  path[count] = 0;
  return 1;
}

static int path_at(int descriptor, const char *name, char *path) {
  if (name[0] == '/') {
    snprintf(path, PATH_MAX, "%s", name);
    return 1;
  }
  char base[PATH_MAX];
  if (descriptor == AT_FDCWD ? !getcwd(base, sizeof base) : !path_of(descriptor, base)) return 0;
  return snprintf(path, PATH_MAX, "%s/%s", base, name) < PATH_MAX;
}

// MARK: Faults

static void note(const char *format, ...) {
  if (log_descriptor < 0) return;
  char line[PATH_MAX + 256];
  va_list arguments;
  va_start(arguments, format);
  int count = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  syscall(SYS_write, log_descriptor, line, count);
}

static _Noreturn void die(void) {
  for (;;) kill(getpid(), SIGKILL);
}

static void cut(uint32_t way) {
  int root = (int)syscall(SYS_openat, AT_FDCWD, folder, O_RDONLY | O_CLOEXEC);
  if (root < 0 || ioctl(root, _IOR('X', 125, uint32_t), &way) != 0) {
    note("FAILED to shut down: %s\n", strerror(errno));
    _exit(97);
  }
  syscall(SYS_close, root);
}

// Counts a call on a file below the folder and does what comes before it. Answers what is left.
static struct fault decide(enum call call, const char *path, long bytes) {
  int code = errno;
  struct fault chosen = {.action = NOTHING};
  long all = atomic_fetch_add(&counts[ANY], 1) + 1;
  long own = atomic_fetch_add(&counts[call], 1) + 1;
  note("%ld %s %ld %s %ld\n", all, call_names[call], own, path + folder_length, bytes);
  for (int i = 0; i < fault_count; i++) {
    const struct fault *fault = &faults[i];
    if (fault->call != ANY && fault->call != call) continue;
    long past = (fault->call == ANY ? all : own) - fault->index;
    if (past < 0 || (fault->mode == ONCE && past > 0)) continue;
    if (fault->mode == ALTERNATE && past % 2) continue;
    chosen = *fault;
    note("FIRED %s %ld\n", call_names[call], own);
  }
  if (chosen.action == KILL) die();
  if (chosen.action == TORN_KILL && call != WRITE) die();
  if (chosen.action == CUT) {
    pthread_rwlock_wrlock(&sync_lock);
    cut(2);  // nothing is flushed
    pthread_rwlock_unlock(&sync_lock);
  }
  if (chosen.action == DELAY) {
    struct timespec time = {chosen.value / 1000, chosen.value % 1000 * 1000000};
    nanosleep(&time, NULL);
  }
  errno = chosen.action == FAIL ? chosen.value : code;
  return chosen;
}

static void finish(struct fault fault) {
  if (fault.action != CUT_AFTER && fault.action != CUT_LOG) return;
  int code = errno;
  pthread_rwlock_wrlock(&sync_lock);
  cut(fault.action == CUT_LOG ? 1 : 2);
  pthread_rwlock_unlock(&sync_lock);
  errno = code;
}

static struct fault decide_on(enum call call, int descriptor, long bytes) {
  char path[PATH_MAX];
  int code = errno;
  if (folder_length && path_of(descriptor, path) && is_below(path))
    return decide(call, path, bytes);
  errno = code;
  return (struct fault){.action = NOTHING};
}

static struct fault decide_at(enum call call, int descriptor, const char *name) {
  char path[PATH_MAX];
  int code = errno;
  if (folder_length && name && path_at(descriptor, name, path) && is_below(path))
    return decide(call, path, 0);
  errno = code;
  return (struct fault){.action = NOTHING};
}

#define FINISHED(type, expression) \
  if (fault.action == FAIL) return (type)-1; \
  type result = (expression); \
  finish(fault); \
  return result

// MARK: The calls

static int open_at(int descriptor, const char *name, int flags, mode_t mode) {
  struct fault fault = decide_at(OPEN, descriptor, name);
  FINISHED(int, (int)syscall(SYS_openat, descriptor, name, flags, mode));
}

#define MODE_ARGUMENT \
  mode_t mode = 0; \
  if (flags & (O_CREAT | __O_TMPFILE)) { \
    va_list arguments; \
    va_start(arguments, flags); \
    mode = va_arg(arguments, mode_t); \
    va_end(arguments); \
  }

int open(const char *name, int flags, ...) {
  MODE_ARGUMENT return open_at(AT_FDCWD, name, flags, mode);
}
int open64(const char *name, int flags, ...) {
  MODE_ARGUMENT return open_at(AT_FDCWD, name, flags, mode);
}
int openat(int at, const char *name, int flags, ...) {
  MODE_ARGUMENT return open_at(at, name, flags, mode);
}
int openat64(int at, const char *name, int flags, ...) {
  MODE_ARGUMENT return open_at(at, name, flags, mode);
}

static ssize_t read_at(int descriptor, void *bytes, size_t count, off_t offset, int is_placed) {
  struct fault fault = decide_on(READ, descriptor, (long)count);
  if (fault.action == SHORT && count > 1) count /= 2;
  if (fault.action == FAIL) return -1;
  ssize_t result = is_placed ? syscall(SYS_pread64, descriptor, bytes, count, offset)
                             : syscall(SYS_read, descriptor, bytes, count);
  if (fault.action == FLIP && result > 0) ((unsigned char *)bytes)[result / 2] ^= 16;
  finish(fault);
  return result;
}

ssize_t read(int descriptor, void *bytes, size_t count) {
  return read_at(descriptor, bytes, count, 0, 0);
}
ssize_t pread(int descriptor, void *bytes, size_t count, off_t offset) {
  return read_at(descriptor, bytes, count, offset, 1);
}
ssize_t pread64(int descriptor, void *bytes, size_t count, off_t offset) {
  return read_at(descriptor, bytes, count, offset, 1);
}

static ssize_t write_at(
  int descriptor, const void *bytes, size_t count, off_t offset, int is_placed) {
  struct fault fault = decide_on(WRITE, descriptor, (long)count);
  if (fault.action == FAIL) return -1;
  if (fault.action == LIE) return (ssize_t)count;
  int is_torn = fault.action == TORN || fault.action == TORN_KILL;
  if ((fault.action == SHORT && count > 1) || is_torn) count /= 2;
  ssize_t result = is_placed ? syscall(SYS_pwrite64, descriptor, bytes, count, offset)
                             : syscall(SYS_write, descriptor, bytes, count);
  if (fault.action == TORN_KILL) die();
  finish(fault);
  if (!is_torn) return result;
  errno = EIO;
  return -1;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  return write_at(descriptor, bytes, count, 0, 0);
}
ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
  return write_at(descriptor, bytes, count, offset, 1);
}
ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
  return write_at(descriptor, bytes, count, offset, 1);
}

static int sync_with(long number, int descriptor) {
  struct fault fault = decide_on(SYNC, descriptor, 0);
  if (fault.action == FAIL) return -1;
  if (fault.action == LIE) return 0;
  pthread_rwlock_rdlock(&sync_lock);
  int result = (int)syscall(number, descriptor);
  int code = errno;
  pthread_rwlock_unlock(&sync_lock);
  errno = code;
  finish(fault);
  return result;
}

int fdatasync(int descriptor) { return sync_with(SYS_fdatasync, descriptor); }
int fsync(int descriptor) { return sync_with(SYS_fsync, descriptor); }

int ftruncate(int descriptor, off_t length) {
  struct fault fault = decide_on(TRUNCATE, descriptor, (long)length);
  FINISHED(int, (int)syscall(SYS_ftruncate, descriptor, length));
}
int ftruncate64(int descriptor, off_t length) { return ftruncate(descriptor, length); }

int fallocate(int descriptor, int mode, off_t offset, off_t length) {
  struct fault fault = decide_on(ALLOCATE, descriptor, (long)length);
  FINISHED(int, (int)syscall(SYS_fallocate, descriptor, mode, offset, length));
}
int fallocate64(int descriptor, int mode, off_t offset, off_t length) {
  return fallocate(descriptor, mode, offset, length);
}
int posix_fallocate(int descriptor, off_t offset, off_t length) {
  return fallocate(descriptor, 0, offset, length) ? errno : 0;
}

void *mmap(void *place, size_t length, int protection, int flags, int descriptor, off_t offset) {
  struct fault fault = {.action = NOTHING};
  if (descriptor >= 0) fault = decide_on(MAP, descriptor, (long)length);
  FINISHED(void *, (void *)syscall(SYS_mmap, place, length, protection, flags, descriptor, offset));
}
void *mmap64(void *place, size_t length, int protection, int flags, int descriptor, off_t offset) {
  return mmap(place, length, protection, flags, descriptor, offset);
}

int renameat(int from, const char *name, int to, const char *new_name) {
  struct fault fault = decide_at(RENAME, from, name);
  FINISHED(int, (int)syscall(SYS_renameat2, from, name, to, new_name, 0));
}
int rename(const char *name, const char *new_name) {
  return renameat(AT_FDCWD, name, AT_FDCWD, new_name);
}

int unlinkat(int at, const char *name, int flags) {
  struct fault fault = decide_at(UNLINK, at, name);
  FINISHED(int, (int)syscall(SYS_unlinkat, at, name, flags));
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }

int mkdirat(int at, const char *name, mode_t mode) {
  struct fault fault = decide_at(MKDIR, at, name);
  FINISHED(int, (int)syscall(SYS_mkdirat, at, name, mode));
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int flock(int descriptor, int operation) {
  struct fault fault = decide_on(LOCK, descriptor, operation);
  FINISHED(int, (int)syscall(SYS_flock, descriptor, operation));
}

int fstat(int descriptor, struct stat *status) {
  struct fault fault = decide_on(STAT, descriptor, 0);
  FINISHED(int, (int)syscall(SYS_fstat, descriptor, status));
}

struct dirent *readdir(DIR *stream) {
  REAL(readdir);
  struct fault fault = decide_on(LIST, dirfd(stream), 0);
  return fault.action == FAIL ? NULL : real(stream);
}
struct dirent64 *readdir64(DIR *stream) {
  REAL(readdir64);
  struct fault fault = decide_on(LIST, dirfd(stream), 0);
  return fault.action == FAIL ? NULL : real(stream);
}
