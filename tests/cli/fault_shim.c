// Faults of a file system, for faults_test.py: preloaded into the program, it counts the calls that touch files below
// one folder, lists them, and lets one of them fail. Environment:
//
//   BNLAB_FAULT_UNDER  the folder, or a file (and its .tmp); calls on other files pass untouched and uncounted
//   BNLAB_FAULT_LOG    a file that gets a line "CALL PATH" for each call that is counted
//   BNLAB_FAULT_CALLS  the calls that count, separated by commas; unset: all
//   BNLAB_FAULT_PARENT if set, calls that look at files or start processes count too (opendir, readdir, stat, lstat,
//   fstat,
//                      pread, flock; fork and pipe2 as if on the folder), and programs that this one starts are left
//                      alone
//   BNLAB_FAULT_AT     the number of the call, from 1, that is hit; unset: none
//   BNLAB_FAULT_ERROR  errno of a call that fails
//   BNLAB_FAULT_KIND   what happens at that call:
//     fail       it fails with BNLAB_FAULT_ERROR
//     fail_on    and so do all that are counted after it
//     short      a write takes half of its bytes, and says so
//     full       so too, and every later write fails: the disk is full
//     kill       the program is killed before the call
//     kill_half  a write takes half of its bytes, then the program is killed
//     power_cut  as kill, and the bytes that no fsync has made safe are lost
//     vanish     the file is removed before the call
//     lock       the file's folder loses its permissions before the call

#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

enum { most_files = 64 };
static struct {
  char path[PATH_MAX];
  off_t safe;  // bytes that an fsync has made safe
} files[most_files];
static int file_count;
static int calls;
static int full;

static int is_parent;
static struct {
  const char* name;
  char value[PATH_MAX];
} settings[] = {{"BNLAB_FAULT_UNDER", ""}, {"BNLAB_FAULT_LOG", ""},   {"BNLAB_FAULT_CALLS", ""},
                {"BNLAB_FAULT_AT", ""},    {"BNLAB_FAULT_ERROR", ""}, {"BNLAB_FAULT_KIND", ""}};
enum { setting_count = sizeof settings / sizeof *settings };

__attribute__((constructor)) static void take_settings(void) {
  is_parent = getenv("BNLAB_FAULT_PARENT") != NULL;
  for (int i = 0; i < setting_count; ++i) {
    const char* value = getenv(settings[i].name);
    snprintf(settings[i].value, PATH_MAX, "%s", value ? value : "");
    if (is_parent) unsetenv(settings[i].name);
  }
  if (is_parent) unsetenv("LD_PRELOAD");
}

static const char* setting(const char* name) {
  for (int i = 0; i < setting_count; ++i)
    if (strcmp(settings[i].name, name) == 0) return settings[i].value;
  abort();
}

static int is_kind(const char* kind) { return strcmp(setting("BNLAB_FAULT_KIND"), kind) == 0; }

static int is_below(const char* path) {
  const char* folder = setting("BNLAB_FAULT_UNDER");
  const size_t length = strlen(folder);
  return length > 0 && strncmp(path, folder, length) == 0 &&
         (path[length] == '/' || path[length] == '.' || path[length] == 0);
}

static int counts(const char* call) {
  const char* list = setting("BNLAB_FAULT_CALLS");
  if (!*list) return 1;
  const size_t length = strlen(call);
  for (const char* at = list; (at = strstr(at, call)); at += length)
    if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == 0)) return 1;
  return 0;
}

/// The path of a descriptor, or "".
static const char* path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, PATH_MAX - 1);
  path[length > 0 ? length : 0] = 0;
  return path;
}

static int place_of(const char* path) {
  for (int i = 0; i < file_count; ++i)
    if (strcmp(files[i].path, path) == 0) return i;
  return -1;
}

static void set_safe(const char* path, off_t bytes) {
  int i = place_of(path);
  if (i < 0) {
    if (file_count == most_files) abort();
    i = file_count++;
    snprintf(files[i].path, sizeof files[i].path, "%s", path);
  }
  files[i].safe = bytes;
}

static void die(void) {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

static void lose_what_is_not_safe(void) {
  struct stat status;
  for (int i = 0; i < file_count; ++i)
    if (stat(files[i].path, &status) == 0 && status.st_size > files[i].safe && truncate(files[i].path, files[i].safe))
      abort();
}

static void lock_folder(const char* path) {
  char folder[PATH_MAX];
  snprintf(folder, sizeof folder, "%s", path);
  struct stat status;
  if (stat(folder, &status) != 0 || !S_ISDIR(status.st_mode)) *strrchr(folder, '/') = 0;
  if (is_below(folder)) chmod(folder, 0);
}

/// Counts a call on `path`. 0: it is to be done; -1: it fails, errno says why; 1: a write is to take half of its bytes.
static int meet(const char* call, const char* path) {
  if (!is_below(path) || !counts(call)) return 0;
  ++calls;
  const char* log = setting("BNLAB_FAULT_LOG");
  if (*log) {
    char line[PATH_MAX + 32];
    const int length = snprintf(line, sizeof line, "%s %s\n", call, path);
    const int fd = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (REAL(write)(fd, line, (size_t)length) != length) abort();
    REAL(close)(fd);
  }
  const int at = atoi(setting("BNLAB_FAULT_AT"));
  const int is_write = strcmp(call, "write") == 0;
  if (full && is_write) return errno = ENOSPC, -1;
  if (is_kind("fail_on") && at > 0 && calls >= at) return errno = atoi(setting("BNLAB_FAULT_ERROR")), -1;
  if (calls != at) return 0;
  if (is_kind("fail")) return errno = atoi(setting("BNLAB_FAULT_ERROR")), -1;
  if (is_kind("kill")) die();
  if (is_kind("power_cut")) {
    lose_what_is_not_safe();
    die();
  }
  if (is_kind("vanish")) unlink(path);
  if (is_kind("lock")) lock_folder(path);
  full = is_kind("full");
  return is_write && (full || is_kind("short") || is_kind("kill_half"));
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list rest;
    va_start(rest, flags);
    mode = va_arg(rest, mode_t);
    va_end(rest);
  }
  if (meet("open", path) < 0) return -1;
  const int fd = REAL(open)(path, flags, mode);
  struct stat status;
  if (fd >= 0 && is_below(path) && (flags & O_ACCMODE) != O_RDONLY && REAL(fstat)(fd, &status) == 0)
    set_safe(path, status.st_size);
  return fd;
}

ssize_t write(int fd, const void* bytes, size_t count) {
  char path[PATH_MAX];
  const int fault = meet("write", path_of(fd, path));
  if (fault < 0) return -1;
  const ssize_t written = REAL(write)(fd, bytes, fault ? (count + 1) / 2 : count);
  if (fault && is_kind("kill_half")) die();
  return written;
}

// Whether the bytes reach the disk is up to this machine; that the program asks for it is what is tested, and quicker
// so.
int fsync(int fd) {
  char path[PATH_MAX];
  if (!is_below(path_of(fd, path))) return REAL(fsync)(fd);
  if (meet("fsync", path) < 0) return -1;
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) set_safe(path, status.st_size);
  return 0;
}

int ftruncate(int fd, off_t length) {
  char path[PATH_MAX];
  if (meet("ftruncate", path_of(fd, path)) < 0) return -1;
  const int i = place_of(path);
  if (i >= 0 && files[i].safe > length) files[i].safe = length;
  return REAL(ftruncate)(fd, length);
}

int close(int fd) {
  char path[PATH_MAX];
  const int fault = meet("close", path_of(fd, path));
  const int closed = REAL(close)(fd);
  return fault < 0 ? (errno = atoi(setting("BNLAB_FAULT_ERROR")), -1) : closed;
}

int rename(const char* from, const char* to) {
  if (meet("rename", from) < 0) return -1;
  const int renamed = REAL(rename)(from, to);
  const int i = place_of(from);
  if (renamed == 0 && i >= 0) {
    const int old = place_of(to);
    if (old >= 0) files[old] = files[--file_count];
    snprintf(files[place_of(from)].path, PATH_MAX, "%s", to);
  }
  return renamed;
}

ssize_t read(int fd, void* bytes, size_t count) {
  char path[PATH_MAX];
  return meet("read", path_of(fd, path)) < 0 ? -1 : REAL(read)(fd, bytes, count);
}

int unlink(const char* path) { return meet("unlink", path) < 0 ? -1 : REAL(unlink)(path); }

int link(const char* from, const char* to) { return meet("link", to) < 0 ? -1 : REAL(link)(from, to); }

int remove(const char* path) { return meet("remove", path) < 0 ? -1 : REAL(remove)(path); }

int mkdir(const char* path, mode_t mode) { return meet("mkdir", path) < 0 ? -1 : REAL(mkdir)(path, mode); }

// ---- what a parent does besides; counted with BNLAB_FAULT_PARENT alone

static int meet_parent(const char* call, const char* path) { return is_parent ? meet(call, path) : 0; }

DIR* fdopendir(int fd) {
  char path[PATH_MAX];
  return meet_parent("opendir", path_of(fd, path)) < 0 ? NULL : REAL(fdopendir)(fd);
}

struct dirent* readdir(DIR* folder) {
  char path[PATH_MAX];
  return meet_parent("readdir", path_of(dirfd(folder), path)) < 0 ? NULL : REAL(readdir)(folder);
}

int stat(const char* path, struct stat* status) {
  return meet_parent("stat", path) < 0 ? -1 : REAL(stat)(path, status);
}

int lstat(const char* path, struct stat* status) {
  return meet_parent("lstat", path) < 0 ? -1 : REAL(lstat)(path, status);
}

int fstat(int fd, struct stat* status) {
  char path[PATH_MAX];
  return meet_parent("fstat", path_of(fd, path)) < 0 ? -1 : REAL(fstat)(fd, status);
}

ssize_t pread(int fd, void* bytes, size_t count, off_t offset) {
  char path[PATH_MAX];
  return meet_parent("pread", path_of(fd, path)) < 0 ? -1 : REAL(pread)(fd, bytes, count, offset);
}

int flock(int fd, int operation) {
  char path[PATH_MAX];
  return meet_parent("flock", path_of(fd, path)) < 0 ? -1 : REAL(flock)(fd, operation);
}

pid_t fork(void) { return meet_parent("fork", setting("BNLAB_FAULT_UNDER")) < 0 ? -1 : REAL(fork)(); }

int pipe2(int ends[2], int flags) {
  return meet_parent("pipe2", setting("BNLAB_FAULT_UNDER")) < 0 ? -1 : REAL(pipe2)(ends, flags);
}
