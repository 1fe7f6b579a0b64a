/** Who may see the workspace, what delivers to it, whom it tells, and how it is configured. */
import { Head } from "../components/Head";
import { Views, shownView } from "../components/Views";
import { isGlobal } from "../state/session";
import { Alerts } from "./settings/Alerts";
import { ConfigurationView } from "./settings/ConfigurationView";
import { Endpoints } from "./settings/Endpoints";
import { People } from "./settings/People";
import { Tokens } from "./settings/Tokens";

const VIEWS = [
  ["workspace", "Workspace"],
  ["people", "People"],
  ["tokens", "Tokens"],
  ["endpoints", "Endpoints"],
  ["alerts", "Alerts"],
] as const;

export default function Settings() {
  const open = VIEWS.filter(([name]) => isGlobal() || name === "workspace" || name === "alerts");
  const view = shownView(open);
  return (
    <>
      <Head title="Settings" />
      <Views views={open} leave={["state", "alert", "message"]} />
      <div class="stack">
        {view === "workspace" && <ConfigurationView />}
        {view === "people" && <People />}
        {view === "tokens" && <Tokens />}
        {view === "endpoints" && <Endpoints />}
        {view === "alerts" && <Alerts />}
      </div>
    </>
  );
}
