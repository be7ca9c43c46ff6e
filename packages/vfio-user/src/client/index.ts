/**
 * The backend on a vfio-user socket.
 *
 * @packageDocumentation
 */
export {};
