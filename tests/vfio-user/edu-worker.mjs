// Serves an edu and an nvme over vfio-user from a worker, at the paths of `workerData`, until it is told to close.
import { parentPort, workerData } from "node:worker_threads";
import { edu } from "@userpci/edu/model";
import { nvme } from "@userpci/nvme/model";
import { serve } from "@userpci/vfio-user/server";

const { path, nvmePath } = workerData;
const servers = [await serve(edu(), { path }), await serve(nvme(), { path: nvmePath })];
parentPort.once("message", async () => {
  for (const server of servers) await server.close();
  parentPort.close();
});
parentPort.postMessage("serving");
