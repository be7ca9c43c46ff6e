/** Opcodes of admin commands (NVM Express Base 2.0, figure 138; 1.4, figure 139). */
export const adminOpcode = {
  DELETE_IO_SQ: 0x00,
  CREATE_IO_SQ: 0x01,
  GET_LOG_PAGE: 0x02,
  DELETE_IO_CQ: 0x04,
  CREATE_IO_CQ: 0x05,
  IDENTIFY: 0x06,
  ABORT: 0x08,
  SET_FEATURES: 0x09,
  GET_FEATURES: 0x0a,
  ASYNC_EVENT_REQUEST: 0x0c,
  KEEP_ALIVE: 0x18,
} as const;

/** Opcodes of I/O commands (NVM Command Set 1.0, figure 9; Base 1.4, figure 346). */
export const ioOpcode = {
  FLUSH: 0x00,
  WRITE: 0x01,
  READ: 0x02,
  COMPARE: 0x05,
  WRITE_ZEROES: 0x08,
  DATASET_MANAGEMENT: 0x09,
} as const;

/**
 * What a completion tells: Status Code Type << 8 | Status Code (NVM Express Base 2.0, section 3.3.3.2.1; 1.4, 4.6.1.2).
 */
export const nvmeStatus = {
  SUCCESS: 0x000,
  INVALID_OPCODE: 0x001,
  INVALID_FIELD: 0x002,
  DATA_TRANSFER_ERROR: 0x004,
  INTERNAL_ERROR: 0x006,
  ABORT_REQUESTED: 0x007,
  INVALID_NAMESPACE: 0x00b,
  COMMAND_SEQUENCE_ERROR: 0x00c,
  INVALID_PRP_OFFSET: 0x013,
  LBA_OUT_OF_RANGE: 0x080,
  INVALID_COMPLETION_QUEUE: 0x100,
  INVALID_QUEUE_IDENTIFIER: 0x101,
  INVALID_QUEUE_SIZE: 0x102,
  EVENT_REQUEST_LIMIT: 0x105,
  INVALID_VECTOR: 0x108,
  INVALID_LOG_PAGE: 0x109,
  INVALID_QUEUE_DELETION: 0x10c,
  FEATURE_NOT_SAVEABLE: 0x10d,
  FEATURE_NOT_CHANGEABLE: 0x10e,
  COMPARE_FAILURE: 0x285,
} as const;

/** Values of Identify's CNS (NVM Express Base 2.0, figure 273; 1.4, figure 245). */
export const identifyStructure = {
  NAMESPACE: 0x00,
  CONTROLLER: 0x01,
  ACTIVE_NAMESPACES: 0x02,
  DESCRIPTORS: 0x03,
} as const;

/** Features (NVM Express Base 2.0, figure 317; 1.4, figure 271). */
export const nvmeFeature = {
  ARBITRATION: 0x01,
  POWER_MANAGEMENT: 0x02,
  TEMPERATURE_THRESHOLD: 0x04,
  ERROR_RECOVERY: 0x05,
  VOLATILE_WRITE_CACHE: 0x06,
  NUMBER_OF_QUEUES: 0x07,
  INTERRUPT_COALESCING: 0x08,
  INTERRUPT_VECTOR: 0x09,
  WRITE_ATOMICITY: 0x0a,
  ASYNC_EVENTS: 0x0b,
  KEEP_ALIVE_TIMER: 0x0f,
} as const;

/** Log pages (NVM Express Base 2.0, figure 202; 1.4, figure 191). */
export const logPage = { ERRORS: 0x01, HEALTH: 0x02, FIRMWARE: 0x03, CHANGED_NAMESPACES: 0x04 } as const;

/** The namespace identifier that stands for all. */
export const ALL_NAMESPACES = 0xffff_ffff;
