/** How the engine is: read models and their rebuilds, other rules tried, syncs, the server. */
import { Head } from "../components/Head";
import { Views, shownView } from "../components/Views";
import { isGlobal } from "../state/session";
import { Models } from "./system/Models";
import { Nodes } from "./system/Nodes";
import { Server } from "./system/Server";
import { Sources } from "./system/Sources";
import { Storage } from "./system/Storage";
import { SyncRuns } from "./system/SyncRuns";
import { WhatIf } from "./system/WhatIf";

const VIEWS = [
  ["sync", "Syncs"],
  ["models", "Read models"],
  ["what-if", "What if"],
  ["server", "Server"],
] as const;

export default function System() {
  const open = VIEWS.filter(([name]) => isGlobal() || (name !== "models" && name !== "server"));
  const view = shownView(open);
  return (
    <>
      <Head title="System" />
      <Views views={open} leave={["rebuild"]} />
      <div class="stack">
        {view === "sync" && (
          <>
            <Sources />
            <SyncRuns />
          </>
        )}
        {view === "models" && <Models />}
        {view === "what-if" && <WhatIf />}
        {view === "server" && (
          <>
            <Server />
            <Storage />
            <Nodes />
          </>
        )}
      </div>
    </>
  );
}
