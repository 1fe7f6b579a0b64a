/** A modal dialog: the browser's own keeps the focus within and gives it back. */
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface DialogProps {
  name: string;
  close: () => void;
  /** At the side of the page instead of in its middle. */
  side?: boolean;
  children: ComponentChildren;
}

export function Dialog({ name, close, side, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    const before = document.activeElement;
    if (element && !element.open) {
      element.showModal();
      element.querySelector("h2")?.focus();
    }
    // The browser gives the focus back only from a dialog that is still in the page.
    return () => {
      element?.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      role="dialog"
      aria-modal="true"
      aria-label={name}
      class={side ? "side-dialog" : "dialog"}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="dialog-body">
        <header class="dialog-head">
          <h2 tabIndex={-1}>
            <bdi>{name}</bdi>
          </h2>
          <button class="link" aria-label="Close" onClick={close}>
            ✕
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
