/** The record: the log by filters, restatements of closed months, the checkpoint with its proofs, and what undoes facts. */
import { Head } from "../components/Head";
import { Views, shownView } from "../components/Views";
import { may } from "../state/session";
import { Erase } from "./audit/Erase";
import { LogExplorer } from "./audit/LogExplorer";
import { Proofs } from "./audit/Proofs";
import { Restatements } from "./audit/Restatements";
import { VoidMany } from "./audit/VoidMany";

const VIEWS = [
  ["log", "Log", "auditor"],
  ["restatements", "Restatements", "auditor"],
  ["proofs", "Checkpoint and proofs", "auditor"],
  ["void", "Void", "operator"],
  ["erase", "Erase", "admin"],
] as const;

export default function Audit() {
  const open = VIEWS.filter(([, , need]) => may(need)).map(([name, text]) => [name, text] as const);
  const view = shownView(open);
  return (
    <>
      <Head title="Audit" />
      <Views views={open} leave={["subject", "kind", "provider", "from", "to", "month", "follow"]} />
      {view === "log" && <LogExplorer />}
      {view === "restatements" && <Restatements />}
      {view === "proofs" && <Proofs />}
      {view === "void" && <VoidMany />}
      {view === "erase" && <Erase />}
    </>
  );
}
