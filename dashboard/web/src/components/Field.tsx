/** A field of a form with its label above it. */
import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  value: string;
  set: (value: string) => void;
  type?: "text" | "email" | "password" | "url" | "number" | "month" | "date" | "datetime-local" | "tel";
  required?: boolean;
  autocomplete?: string;
  placeholder?: string;
  /** A line below it that says what it is for. */
  hint?: ComponentChildren;
  /** Several lines. */
  rows?: number;
  /** What may be chosen, as value and text. */
  options?: readonly (readonly [string, string])[];
}

export function Field({ label, value, set, type = "text", required, rows, options, hint, ...rest }: FieldProps) {
  const id = useId();
  const change = (event: { currentTarget: { value: string } }) => set(event.currentTarget.value);
  const told = hint ? { "aria-describedby": id } : {};
  return (
    <div class="field">
      <label>
        <span>{label}</span>
        {options ? (
          <select value={value} required={required} onChange={change} {...told}>
            {options.map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        ) : rows ? (
          <textarea rows={rows} value={value} required={required} onInput={change} {...rest} {...told} />
        ) : (
          <input
            {...({ type } as { type: "text" })}
            value={value}
            required={required}
            onInput={change}
            {...rest}
            {...told}
          />
        )}
      </label>
      {hint && (
        <small class="soft" id={id}>
          {hint}
        </small>
      )}
    </div>
  );
}
