/**
 * Serves hosted functions to vfio-user clients.
 *
 * @packageDocumentation
 */
export {};
