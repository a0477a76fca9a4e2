// What a process does to the files of a folder, written down, so that disk.mjs can tell what a disk may have kept of it when the
// power fails. To be preloaded (LD_PRELOAD) into a process with these in its environment:
//
//   TARTA_DISK_ROOT    the folder, without symbolic links
//   TARTA_DISK_PAST    another folder: each file that is made gets a second name there, its inode number
//   TARTA_DISK_LOG     a file, where each event becomes a line
//   TARTA_DISK_END     the process is killed right after so many events; 0: it is not
//
// Events, whose parts have tabs between them; paths begin behind the root:
//
//   create INODE PATH, mkdir PATH, rename FROM TO, unlink PATH, rmdir PATH
//   sync INODE SIZE        so many bytes were there before fsync() or fdatasync() began, which has succeeded
//   syncdir EVENTS PATH    the same of a folder: so many events were there
//   truncate INODE         it was opened anew, and is empty
//   unfollowed CALL PATH   something changes what was written before, which disk.mjs does not expect
//
// Each is written when it has happened, and before the process hears of it. What is appended needs no event.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PATH_SIZE 4096

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static const char *root;
static const char *past;
static size_t root_length;
static int log_fd = -1;
static long events;
static long end;

__attribute__((constructor)) static void begin(void) {
  const char *log = getenv("TARTA_DISK_LOG");
  root = getenv("TARTA_DISK_ROOT");
  past = getenv("TARTA_DISK_PAST");
  if (!log || !root || !past) return;
  root_length = strlen(root);
  end = atol(getenv("TARTA_DISK_END") ? getenv("TARTA_DISK_END") : "0");
  log_fd = REAL(open)(log, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

// Where a path lies below the root; NULL if it does not.
static const char *below(const char *path) {
  if (log_fd < 0 || !path || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == '\0') return path + root_length;
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

// Of an open file; `path` is where it is put.
static const char *below_fd(int fd, char path[PATH_SIZE]) {
  char link[64];
  if (log_fd < 0) return NULL;
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, PATH_SIZE - 1);
  if (length < 0) return NULL;
  path[length] = '\0';
  return below(path);
}

__attribute__((format(printf, 1, 2))) static void tell(const char *format, ...) {
  char line[2 * PATH_SIZE + 64];
  int kept = errno;
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&mutex);
  if (write(log_fd, line, (size_t)length) != length) abort();
  if (++events == end) kill(getpid(), SIGKILL);
  pthread_mutex_unlock(&mutex);
  errno = kept;
}

static long events_so_far(void) {
  pthread_mutex_lock(&mutex);
  long so_far = events;
  pthread_mutex_unlock(&mutex);
  return so_far;
}

static void created(const char *path) {
  struct stat found;
  char name[PATH_SIZE];
  if (stat(path, &found) != 0) abort();
  snprintf(name, sizeof name, "%s/%lu", past, (unsigned long)found.st_ino);
  if (link(path, name) != 0) abort();
  tell("create\t%lu\t%s\n", (unsigned long)found.st_ino, below(path));
}

static void truncated(const char *path) {
  struct stat found;
  if (stat(path, &found) != 0) abort();
  tell("truncate\t%lu\n", (unsigned long)found.st_ino);
}

// ---- names ----

typedef int (*open_call)(const char *, int, ...);

static int open_any(open_call real, const char *path, int flags, mode_t mode) {
  const char *where = flags & (O_CREAT | O_TRUNC) ? below(path) : NULL;
  int fresh = where && access(path, F_OK) != 0;
  int fd = real(path, flags, mode);
  if (fd >= 0 && fresh) created(path);
  if (fd >= 0 && where && !fresh && (flags & O_TRUNC)) truncated(path);
  return fd;
}

#define OPEN(name)                                           \
  int name(const char *path, int flags, ...) {               \
    mode_t mode = 0;                                         \
    if (flags & (O_CREAT | O_TMPFILE)) {                     \
      va_list arguments;                                     \
      va_start(arguments, flags);                            \
      mode = va_arg(arguments, mode_t);                      \
      va_end(arguments);                                     \
    }                                                        \
    return open_any(REAL(name), path, flags, mode);          \
  }
OPEN(open)
OPEN(open64)

static FILE *fopen_any(FILE *(*real)(const char *, const char *), const char *path, const char *mode) {
  const char *where = mode[0] == 'r' ? NULL : below(path);
  int fresh = where && access(path, F_OK) != 0;
  FILE *file = real(path, mode);
  if (file && fresh) created(path);
  if (file && where && !fresh && mode[0] == 'w') truncated(path);
  return file;
}

FILE *fopen(const char *path, const char *mode) { return fopen_any(REAL(fopen), path, mode); }
FILE *fopen64(const char *path, const char *mode) { return fopen_any(REAL(fopen64), path, mode); }

int mkdir(const char *path, mode_t mode) {
  int result = REAL(mkdir)(path, mode);
  if (result == 0 && below(path)) tell("mkdir\t%s\n", below(path));
  return result;
}

int rename(const char *from, const char *to) {
  int result = REAL(rename)(from, to);
  if (result == 0 && below(from) && below(to)) tell("rename\t%s\t%s\n", below(from), below(to));
  return result;
}

int unlink(const char *path) {
  int result = REAL(unlink)(path);
  if (result == 0 && below(path)) tell("unlink\t%s\n", below(path));
  return result;
}

int rmdir(const char *path) {
  int result = REAL(rmdir)(path);
  if (result == 0 && below(path)) tell("rmdir\t%s\n", below(path));
  return result;
}

// ---- content ----

static int sync_any(int (*real)(int), int fd) {
  char path[PATH_SIZE];
  struct stat found;
  const char *where = below_fd(fd, path);
  if (where && fstat(fd, &found) != 0) where = NULL;
  long so_far = events_so_far();
  int result = real(fd);
  if (result != 0 || !where) return result;
  if (S_ISDIR(found.st_mode)) tell("syncdir\t%ld\t%s\n", so_far, where);
  else tell("sync\t%lu\t%ld\n", (unsigned long)found.st_ino, (long)found.st_size);
  return result;
}

int fsync(int fd) { return sync_any(REAL(fsync), fd); }
int fdatasync(int fd) { return sync_any(REAL(fdatasync), fd); }

static void unfollowed(const char *call, int fd) {
  char path[PATH_SIZE];
  const char *where = below_fd(fd, path);
  if (where) tell("unfollowed\t%s\t%s\n", call, where);
}

#define TRUNCATE(name, offset)         \
  int name(int fd, offset length) {    \
    unfollowed(#name, fd);             \
    return REAL(name)(fd, length);     \
  }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define PWRITE(name, offset)                                               \
  ssize_t name(int fd, const void *bytes, size_t size, offset at) {        \
    unfollowed(#name, fd);                                                 \
    return REAL(name)(fd, bytes, size, at);                                \
  }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)
