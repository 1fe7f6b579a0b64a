/** Where nothing is yet: what will stand here, and the one step that brings it. */
import type { ComponentChildren } from "preact";

interface EmptyProps {
  title: string;
  children?: ComponentChildren;
  /** The command that brings it. */
  command?: string;
}

export function Empty({ title, children, command }: EmptyProps) {
  return (
    <div class="empty">
      <strong>{title}</strong>
      {children && <p>{children}</p>}
      {command && <pre tabIndex={0}>{command}</pre>}
    </div>
  );
}
