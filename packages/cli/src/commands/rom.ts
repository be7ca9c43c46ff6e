import { PciError } from "@userpci/interface";
import { describeRom, type RomImage } from "@userpci/pci-config";
import { className } from "@userpci/pci-config/classes";
import { type CommandCall, optionText, type Report } from "../command.ts";
import { idOf, sizeText } from "../function-view.ts";
import { hex } from "../json.ts";
import { saveFile } from "../output-file.ts";
import { ProgressLine } from "../progress-line.ts";
import { isStandardOutput } from "../standard-output.ts";
import { openTarget } from "../target/open.ts";
import type { Target } from "../target/target.ts";

/** `userpci rom`. */
export async function run(call: CommandCall): Promise<Report> {
  const output = optionText(call, "output");
  const isPiped = isStandardOutput(call, output, "the ROM");
  const target = await openTarget(call);
  try {
    const bytes = readRom(call, target);
    if (bytes === null) throw noRom(target.address);
    if (isPiped) {
      call.terminal.write(bytes);
      return { json: {}, text: () => [] };
    }
    const { images, problem = null } = describeRom(bytes);
    if (output !== undefined) saveFile(output, bytes);
    const json = images.map(({ vendorId, deviceId, classCode, ...image }) => ({
      ...image,
      id: idOf(vendorId, deviceId),
      class: classCode.toString(16).padStart(6, "0"),
    }));
    return {
      json: {
        address: target.address,
        via: target.via,
        bytes: bytes.length,
        images: json,
        problem,
        file: output ?? null,
      },
      text: ({ yellow, green }) => [
        `expansion ROM, ${sizeText(bytes.length)}`,
        ...images.map((image) => `  ${imageText(image)}`),
        ...(problem === null ? [] : [`  ${yellow(problem)}`]),
        ...(output === undefined ? [] : [`${green("saved")}  ${sizeText(bytes.length)} in ${output}`]),
      ],
    };
  } finally {
    await target.close();
  }
}

/** The ROM, with progress. */
function readRom({ terminal }: CommandCall, target: Target): Uint8Array | null {
  using progress = new ProgressLine(terminal);
  return target.rom((read, most) =>
    progress.tick(() => `${sizeText(read)} of the ROM, which has ${sizeText(most)} at most`),
  );
}

const noRom = (address: string): PciError =>
  new PciError("ERR_NOT_SUPPORTED", `${address} has no expansion ROM`, {
    hint: "userpci show ADDRESS lists it beside the BARs, where there is one",
  });

function imageText(image: RomImage): string {
  const { offset, length, kind, vendorId, deviceId, classCode, checksumHolds, compressed } = image;
  const notes = [
    ...(checksumHolds === false ? ["checksum does not hold"] : []),
    ...(compressed ? ["compressed"] : []),
  ];
  const what = `${kind} image at ${hex(offset)}, ${sizeText(length)}, for ${idOf(vendorId, deviceId)} (${className(classCode)})`;
  return [what, ...notes].join(", ");
}
