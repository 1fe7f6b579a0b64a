/** A form: its fields, the button that sends it, and why it was refused. */
import type { ComponentChildren } from "preact";
import type { Command } from "../api/use_command";
import { Refused } from "./Refused";

interface FormProps {
  command: Command;
  submit: () => void;
  /** The button's word. */
  action: string;
  disabled?: boolean;
  class?: string;
  /** Beside the button. */
  aside?: ComponentChildren;
  children: ComponentChildren;
}

export function Form({ command, submit, action, disabled, aside, children, class: look = "form" }: FormProps) {
  return (
    <form
      class={look}
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      {children}
      <div class="row">
        <button class="control primary" disabled={disabled || command.busy}>
          {action}
        </button>
        {aside}
      </div>
      <Refused problem={command.problem} />
    </form>
  );
}
