/** A button for what is not easily undone: it says first what it will do, and asks. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useCommand } from "../api/use_command";
import { Dialog } from "./Dialog";
import { Refused } from "./Refused";

interface ConfirmProps {
  /** The button's word. */
  label: string;
  /** What is asked, as the dialog's name. */
  question: string;
  /** The word of the button that does it. */
  action?: string;
  act: () => Promise<unknown>;
  /** Whether it may be done yet, such as once a reason is given. */
  ready?: boolean;
  /** Whether there is nothing to ask about yet. */
  disabled?: boolean;
  /** A whole button instead of a link. */
  control?: boolean;
  /** What it will do. */
  children: ComponentChildren;
}

export function Confirm({ label, question, action = label, act, ready = true, disabled, control, children }: ConfirmProps) {
  const [open, setOpen] = useState(false);
  const command = useCommand();
  const close = () => setOpen(false);
  const go = async () => {
    if (await command.run(act)) close();
  };
  return (
    <>
      <button type="button" class={control ? "control" : "link"} disabled={disabled} onClick={() => setOpen(true)}>
        {label}
      </button>
      {open && (
        <Dialog name={question} close={close}>
          <div class="consequences">{children}</div>
          <Refused problem={command.problem} />
          <div class="row">
            <button type="button" class="control danger" disabled={!ready || command.busy} onClick={() => void go()}>
              {action}
            </button>
            <button type="button" class="control" onClick={close}>
              Cancel
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
