/**
 * Serves hosted functions to vfio-user clients.
 *
 * @packageDocumentation
 */
export type { ServerLimits } from "./limits.ts";
export type { Servable, ServeOptions, Server, ServerEvent } from "./options.ts";
export { serve } from "./serve.ts";
export { ServedDma } from "./served-dma.ts";
