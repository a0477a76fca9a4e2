// What a test has started ends with it, whatever way the test ends: by itself, by Ctrl-C, by kill -9.

import { spawn } from "node:child_process";

/**
 * Watches over a process, and a temporary folder where one is given, from outside: when this process is gone, it is killed,
 * and the folder removed. Call the function that comes back when it has ended in the ordinary way; that removes the folder.
 */
export function guard(pid, folder = "") {
  // Its input ends with this process; a line in it says that there is nothing left to kill. In a process group of its own,
  // as Ctrl-C goes to all of a group.
  const script = 'read -r _ || kill -9 "$0" 2>/dev/null; [ -z "$1" ] || rm -rf "$1"';
  const watcher = spawn("sh", ["-c", script, String(pid), folder], { stdio: ["pipe", "ignore", "ignore"], detached: true });
  watcher.unref();
  return () =>
    new Promise((resolve) => {
      watcher.ref();
      watcher.once("exit", resolve).stdin.end("over\n");
    });
}
