// What the lines of lspci 3.9.0 stand for: the register that each prints, and the field of each flag.

/** The fields of a register, decoded. */
export interface Fields {
  readonly [field: string]: unknown;
}

/** For a line of lspci: the register that it prints, the field of each flag, and other facts to be found in it. */
export interface Line {
  readonly register: string;
  readonly flags?: Readonly<Record<string, string | ((fields: Fields) => boolean)>>;
  /** Text that the line must contain, made of the fields. */
  readonly says?: (fields: Record<string, number>) => readonly string[];
}

/** Lines by label. */
export type Lines = Readonly<Record<string, Line>>;

const statusFlags = {
  "66MHz": "capable66MHz",
  FastB2B: "fastBackToBackCapable",
  ParErr: "masterDataParityError",
  ">TAbort": "signaledTargetAbort",
  "<TAbort": "receivedTargetAbort",
  "<MAbort": "receivedMasterAbort",
  "<PERR": "detectedParityError",
};
const timings = ["fast", "medium", "slow", "??"];
const statusSays: Line["says"] = ({ deviceSelectTiming }) => [`DEVSEL=${timings[deviceSelectTiming!]}`];

/** Lines of every header. */
export const headerLines: Lines = {
  Control: {
    register: "command",
    flags: {
      "I/O": "io",
      Mem: "memory",
      BusMaster: "busMaster",
      SpecCycle: "specialCycles",
      MemWINV: "memoryWriteInvalidate",
      VGASnoop: "vgaPaletteSnoop",
      ParErr: "parityErrorResponse",
      Stepping: "addressStepping",
      SERR: "systemError",
      FastB2B: "fastBackToBack",
      DisINTx: "interruptDisable",
    },
  },
  Status: {
    register: "status",
    flags: {
      ...statusFlags,
      Cap: "capabilitiesList",
      UDF: "userDefinable",
      ">SERR": "signaledSystemError",
      INTx: "interruptStatus",
    },
    says: statusSays,
  },
};

/** Lines that only a bridge has. */
export const bridgeLines: Lines = {
  "Secondary status": {
    register: "secondaryStatus",
    flags: { ...statusFlags, "<SERR": "receivedSystemError" },
    says: statusSays,
  },
  BridgeCtl: {
    register: "bridgeControl",
    flags: {
      Parity: "parityErrorResponse",
      SERR: "systemError",
      NoISA: "isa",
      VGA: "vga",
      VGA16: "vga16",
      MAbort: "masterAbortMode",
      ">Reset": "secondaryBusReset",
      FastB2B: "fastBackToBack",
      PriDiscTmr: "primaryDiscardTimer",
      SecDiscTmr: "secondaryDiscardTimer",
      DiscTmrStat: "discardTimerStatus",
      DiscTmrSERREn: "discardTimerSystemError",
    },
  },
};
