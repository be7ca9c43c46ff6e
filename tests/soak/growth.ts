/** What a process held after some rounds, with nothing mapped. */
export interface Sample {
  /** Rounds done. */
  readonly done: number;
  /** Milliseconds since the first. */
  readonly ms: number;
  /** Resident memory in bytes. */
  readonly rss: number;
  /** Bytes of memory outside the JavaScript heap that objects in it own. */
  readonly external: number;
  /** Open descriptors. */
  readonly descriptors: number;
  /** Mappings of devices and of DMA memory into the process. */
  readonly mappings: number;
  /** Bytes pinned for DMA. */
  readonly pinned: number;
}

/** What is counted exactly: none may be left over. */
const counted = ["descriptors", "mappings", "pinned"] as const;

/** What varies by itself: bytes that the median of the last quarter may be above that of the second. */
export interface Slack {
  readonly rss: number;
  readonly external: number;
}

const MIB = 2 ** 20;

/** Of a run that is long enough for the engine to have compiled what is called often, and its heap to have found its size. */
const settled: Slack = { rss: 4 * MIB, external: MIB };

/** Fewest samples that have quarters worth a median. */
const FEWEST = 8;

/**
 * What has grown after the first quarter of the samples, which a process needs to get going. Descriptors, mappings and pinned
 * bytes must be the same in every one; resident and external memory may vary.
 *
 * @param slack how far memory may; default 4 MiB of resident and 1 MiB of external memory
 * @returns a line for each; none if nothing has
 */
export function growth(samples: readonly Sample[], slack: Slack = settled): string[] {
  if (samples.length < FEWEST) throw new Error(`${samples.length} samples; it takes ${FEWEST}`);
  const [first, ...others] = samples.slice(Math.floor(samples.length / 4)) as [Sample, ...Sample[]];
  const changed = counted.flatMap((name) => {
    const odd = others.find((sample) => sample[name] !== first[name]);
    return odd === undefined
      ? []
      : [`${name}: ${odd[name]} after ${odd.done} rounds, ${first[name]} after ${first.done}`];
  });
  const grown = (Object.keys(slack) as (keyof Slack)[]).flatMap((name) => {
    const [second, last] = [quarter(samples, 1), quarter(samples, 3)].map((each) =>
      median(each.map((sample) => sample[name])),
    ) as [number, number];
    return last - second <= slack[name]
      ? []
      : [`${name}: ${last} bytes in the last quarter, ${second} in the second`];
  });
  return [...changed, ...grown];
}

function quarter(samples: readonly Sample[], index: number): readonly Sample[] {
  const at = (part: number): number => Math.floor((samples.length * part) / 4);
  return samples.slice(at(index), at(index + 1));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
