/** A change that a person asks for: whether it is under way, what was wrong with it, and reads that wait for it. */
import { useState } from "preact/hooks";
import { type Problem, problemOf } from "./client";
import { wrote } from "../state/live";

export interface Command {
  busy: boolean;
  problem: Problem | null;
  /** Does it, once at a time. Null where it was refused. */
  run: <T>(work: () => Promise<T>) => Promise<{ answer: T } | null>;
}

export function useCommand(): Command {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const run = async <T>(work: () => Promise<T>) => {
    if (busy) return null;
    setBusy(true);
    setProblem(null);
    try {
      const answer = await work();
      const position = (answer as { position?: unknown } | null)?.position;
      wrote(typeof position === "number" ? position : null);
      return { answer };
    } catch (error) {
      setProblem(problemOf(error));
      return null;
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run };
}
