// The user's cache folder, which all working copies share.
import { homedir } from "node:os";
import { join } from "node:path";

/**
 * A folder below the user's cache, the same that the test bed keeps its downloads in: `$USERPCI_CACHE`, else
 * `$XDG_CACHE_HOME/userpci`, else `~/.cache/userpci`. It need not exist.
 *
 * @param {string} name
 * @param {NodeJS.ProcessEnv} env
 * @returns {string}
 */
export function cacheFolder(name, env = process.env) {
  return join(env.USERPCI_CACHE || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "userpci"), name);
}
