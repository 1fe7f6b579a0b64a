/** Every flow of the pages: `BASE=http://127.0.0.1:8080 … node e2e/all.mjs [part of a name]`. */
import "./flows.mjs";
import "./safety.mjs";
import "./access.mjs";
import "./audit.mjs";
import "./banner.mjs";
import "./outage.mjs";
import "./mending.mjs";
import "./rebuilds.mjs";
import "./running.mjs";
import "./nodes.mjs";
import "./timings.mjs";
import { runAll } from "./browser.mjs";

await runAll();
