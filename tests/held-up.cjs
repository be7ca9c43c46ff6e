/**
 * Loaded before everything else, holds a thread up whenever it sets a short timer, until that is due: the timer is then called
 * before whatever has come meanwhile. A test that takes something to have happened because some milliseconds have passed fails
 * under it, as it does one time in thousands on a busy machine.
 *
 *   NODE_OPTIONS="--require ./tests/held-up.cjs" npx vitest run --project unit --project native --project processes
 */
const { syncBuiltinESMExports } = require("node:module");
const timers = require("node:timers");
const promises = require("node:timers/promises");
const { promisify } = require("node:util");

/** Longest timer in milliseconds that holds a thread up; longer ones are time-outs. */
const LONGEST_MS = 100;

const cell = new Int32Array(new SharedArrayBuffer(4));

/** @param {number} ms */
function holdUp(ms) {
  if (ms >= 1 && ms <= LONGEST_MS) process.nextTick(() => Atomics.wait(cell, 0, 0, ms + 1));
}

/**
 * @template {(...args: any[]) => unknown} T
 * @param {T} call of Node
 * @param {number} at which argument is the time
 * @returns {T}
 */
function holding(call, at) {
  const held = (...args) => {
    holdUp(args[at]);
    return call(...args);
  };
  return Object.assign(held, call);
}

const setTimeout = holding(timers.setTimeout, 1);
promises.setTimeout = holding(promises.setTimeout, 0);
setTimeout[promisify.custom] = promises.setTimeout;
timers.setTimeout = setTimeout;
globalThis.setTimeout = setTimeout;
syncBuiltinESMExports();
