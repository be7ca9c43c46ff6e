import { pulledTests } from "./pulled.ts";

pulledTests("vfio-cdev");
