/** The addon's calls on UNIX sockets, among them one message of a stream at a time: a part of `Native`, where its rules are. */
export interface NativeSockets {
  /**
   * socketpair(2) of UNIX sockets.
   *
   * @param type a `SOCK_` constant, with `SOCK_NONBLOCK` added or not
   * @returns the two ends, or negative errno
   */
  socketpair(type: number): [number, number] | number;
  /** socket(2) of the UNIX family. @param type as for {@link socketpair} @returns a descriptor, or negative errno */
  socket(type: number): number;
  /**
   * bind(2).
   *
   * @param name a path with a NUL behind it, or an abstract name with a NUL before it; at most 108 bytes
   * @returns 0, or negative errno
   */
  bind(fd: number, name: Uint8Array): number;
  /** connect(2), to a name as for {@link bind}. Returns 0, or negative errno. */
  connect(fd: number, name: Uint8Array): number;
  /** listen(2). Returns 0, or negative errno. */
  listen(fd: number, backlog: number): number;
  /** accept4(2), non-blocking as its result. Returns a descriptor, -EAGAIN if nobody waits, or another negative errno. */
  accept(fd: number): number;
  /** shutdown(2). @param how `SHUT_RD`: the other end can send nothing more @returns 0, or negative errno */
  shutdown(fd: number, how: number): number;
  /** Who is at the other end (`SO_PEERCRED`, unix(7)): of the one that listens, who did so at that time. */
  peer(fd: number): Peer | number;
  /**
   * sendmsg(2) with `MSG_NOSIGNAL`.
   *
   * @param fds at most 253 descriptors to send along
   * @returns bytes sent, or negative errno
   */
  sendmsg(fd: number, bytes: Uint8Array, fds: readonly number[]): number;
  /**
   * recvmsg(2). The descriptors received become this environment's own.
   *
   * @param maxFds the most descriptors to take, 0 to 253
   * @returns what came, or negative errno
   */
  recvmsg(fd: number, target: Uint8Array, maxFds: number): Received | number;

  /**
   * Makes a socket block, at most for this time (`SO_RCVTIMEO` and `SO_SNDTIMEO`, socket(7)): in {@link connect}, in
   * {@link exchangeFrames}, and in {@link receiveFrame} where that sleeps.
   *
   * @param timeoutMs whole milliseconds, above 0
   * @returns 0, or negative errno
   */
  socketTimeout(fd: number, timeoutMs: number): number;
  /**
   * Takes one message from a stream socket, and nothing of the next: 16 bytes, which say at byte 4 (32 bits) how long all of
   * it is, then the rest. May be called again for what has not come yet.
   *
   * @param target where the message goes, 16 bytes at least; the same, or a larger one with what has come, in the next call
   * @param state how far it is: bytes that have come (0 once it is whole), number of descriptors, then those, which are the
   *   caller's at once, also if the call fails. Zeros before the first message; its length is the most descriptors, and 2
   * @param timeoutMs how long to wait in milliseconds; 0 does not wait, below 0 waits for ever
   * @param sleeps whether the socket itself waits, which saves two calls: `timeoutMs` must be that of {@link socketTimeout}.
   *   Default false
   * @returns size of the message; 0 if the other end closed before it; -EAGAIN if it is not whole in time; -EMSGSIZE if
   *   `target` is too short for what its header says; -EPROTO for a size below 16; -EMFILE if it brought more descriptors
   *   than may be taken; -ECONNRESET if the other end closed within it; or another negative errno
   */
  receiveFrame(
    fd: number,
    target: Uint8Array,
    state: Int32Array,
    timeoutMs: number,
    sleeps?: boolean,
  ): number;
  /**
   * Sends bytes, the first of them together with descriptors in one sendmsg(2) (`MSG_NOSIGNAL`).
   *
   * @param bytes one message, or what is left of it; not empty
   * @param fds at most 253 descriptors
   * @param timeoutMs as for {@link receiveFrame}
   * @returns bytes sent, fewer than all if there was no more room in time; -EAGAIN for none; or another negative errno
   */
  sendFrame(fd: number, bytes: Uint8Array, fds: Int32Array, timeoutMs: number): number;
  /**
   * Sends a message and takes the next that comes, in one call: {@link sendFrame}, {@link receiveFrame}.
   *
   * @param timeoutMs for both, above 0; of a socket that blocks it must be that of {@link socketTimeout}
   * @returns as {@link receiveFrame}; also -EAGAIN if the request could not be sent in time
   */
  exchangeFrames(
    fd: number,
    request: Uint8Array,
    target: Uint8Array,
    state: Int32Array,
    timeoutMs: number,
  ): number;
}

/** The addon's calls on netlink sockets (netlink(7)): a part of `Native`. */
export interface NativeNetlink {
  /**
   * socket(2) of the netlink family, raw and non-blocking, and bind(2) to multicast groups.
   *
   * @param protocol a `NETLINK_` constant
   * @param groups a bit for each group
   * @returns a descriptor, or negative errno
   */
  netlink(protocol: number, groups: number): number;
  /**
   * One message, without waiting for it.
   *
   * @param sender set to the sender's port, which is 0 for the kernel and for nobody else, and the groups that it was sent to
   * @returns the message's length, which may be more than went into `target`; -EAGAIN if none is there; -ENOBUFS where the
   *   kernel had no room for messages, which are lost; or another negative errno
   */
  netlinkReceive(fd: number, target: Uint8Array, sender: Uint32Array): number;
}

/** A process at the other end of a socket. */
export interface Peer {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** What {@link NativeSockets.recvmsg} received. */
export interface Received {
  readonly bytes: number;
  readonly fds: number[];
  /** The message was longer than `target` or brought more than `maxFds` descriptors. All descriptors were closed. */
  readonly truncated: boolean;
}
