/**
 * PCI devices over UNIX sockets: the backend `vfioUser()`, and `serve()` for device models. Each has a subpath of its own, which
 * loads the other not.
 *
 * @packageDocumentation
 */
export {
  type ClientOptions,
  type RegisterWrite,
  type Served,
  type VfioUserBackend,
  vfioUser,
} from "./client/index.ts";
export {
  type Servable,
  ServedDma,
  type ServeOptions,
  type Server,
  type ServerEvent,
  type ServerLimits,
  serve,
} from "./server/index.ts";
