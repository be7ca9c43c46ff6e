// Serves functions over vfio-user from a worker. `workerData` has the sockets' paths by the functions' names, and the source of
// the suite's controller. Messages: { id, remove } takes a function away in order, { id, restore } brings it back.
import { parentPort, workerData } from "node:worker_threads";
import { edu } from "@userpci/edu/model";
import { serve } from "@userpci/vfio-user/server";

const { paths, controllerSource } = workerData;
const { controller } = await import(`data:text/javascript,${encodeURIComponent(controllerSource)}`);

const models = { main: controller, edu, wideEdu: () => edu({ addressBits: 64 }) };
const servers = new Map();
/** Called when the client of a function has left. */
const left = new Map();

async function open(name) {
  const onEvent = ({ type, error }) => {
    if (type === "fault") throw error;
    if (type === "left") left.get(name)?.();
  };
  servers.set(name, await serve(models[name](), { path: paths[name], whenBusy: "refuse", onEvent }));
}

async function remove(name) {
  const server = servers.get(name);
  if (server.clients > 0) {
    const gone = new Promise((resolve) => void left.set(name, resolve));
    server.function.request();
    await gone;
    left.delete(name);
  }
  await server.close();
}

for (const name of Object.keys(paths)) await open(name);
parentPort.on("message", async (message) => {
  if (message === "close") {
    for (const server of servers.values()) await server.close();
    parentPort.close();
    return;
  }
  await (message.remove === undefined ? open(message.restore) : remove(message.remove));
  parentPort.postMessage({ id: message.id });
});
parentPort.postMessage("serving");
