// Serves the models of packages from a worker. `workerData` has a path for each; says "serving" when all are there.
import { parentPort, workerData } from "node:worker_threads";
import { nicPair } from "@userpci/nic/model";
import { nvme } from "@userpci/nvme/model";
import { serve } from "@userpci/vfio-user/server";

const [nic0, nic1] = nicPair();
const size = 2 ** 20;
const models = { nic0, nic1, trapped: nvme({ size }), mapped: nvme({ size, doorbells: "mapped" }) };

const servers = [];
for (const [name, path] of Object.entries(workerData)) {
  const onEvent = ({ type, error }) => {
    if (type === "fault") throw error;
  };
  servers.push(await serve(models[name], { path, onEvent }));
}
parentPort.once("message", async () => {
  for (const server of servers) await server.close();
});
parentPort.postMessage("serving");
