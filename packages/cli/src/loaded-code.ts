// Bundles have a copy of this file each.
const loaded = Symbol.for("@userpci/cli/loaded-code");
const state = globalThis as { [loaded]?: boolean };

/** In which code that was loaded may end by itself, in milliseconds. */
const GRACE_MS = 200;

/** Notes that this process has loaded a module of the user's. */
export function noteLoadedCode(): void {
  state[loaded] = true;
}

/** When the command is over: a module's timers and sockets do not keep the process. Without one it ends when its work has. */
export function endBesideLoadedCode(): void {
  if (state[loaded] === true) setTimeout(() => process.exit(), GRACE_MS).unref();
}
