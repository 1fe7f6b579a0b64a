/** A text that is shown once, to be copied. */
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

interface SecretProps {
  name: string;
  value: string;
  /** Takes it out of sight. */
  gone: () => void;
  children?: ComponentChildren;
}

export function Secret({ name, value, gone, children }: SecretProps) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      setCopied(true);
    } catch {
      // Where the browser forbids it, the text can be selected.
      setCopied(false);
    }
  };
  return (
    <div class="secret" role="status">
      <label class="field">
        <span>{name}</span>
        <input readOnly value={value} onFocus={(event) => event.currentTarget.select()} />
      </label>
      <div class="row">
        <button type="button" class="control" onClick={() => void copy()}>
          {copied ? "Copied" : "Copy"}
        </button>
        <button type="button" class="link" onClick={gone}>
          Hide it
        </button>
      </div>
      {children && <p class="soft">{children}</p>}
    </div>
  );
}
