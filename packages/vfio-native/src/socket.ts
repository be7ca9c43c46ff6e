/**
 * UNIX stream sockets of messages with descriptors, and what to do with a descriptor that came: for protocols such as
 * vfio-user.
 *
 * @packageDocumentation
 */
export { FrameListener, type ListenOptions } from "./frame-listener.ts";
export { FrameSocket, type FrameSocketOptions, frame } from "./frame-socket.ts";
export { MemfdSource, type RenewableMemory } from "./memfd-memory.ts";
export type { Peer } from "./native-sockets.ts";
export {
  anonymousFile,
  closeReceived,
  mapReceived,
  ReceivedEventfd,
  type ReceivedMemory,
} from "./received.ts";
export type { SocketAccess } from "./unix-socket.ts";
