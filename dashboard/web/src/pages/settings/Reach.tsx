/** Whether something is of this workspace alone, or of all. */
import { Field } from "../../components/Field";
import { tenant, workspace } from "../../state/session";

/** The workspaces that a choice stands for, as a member of a body. */
export function reached(reach: string): { tenants?: string[] } {
  return reach === "one" ? { tenants: [tenant.value ?? ""] } : {};
}

export function Reach({ label, value, set }: { label: string; value: string; set: (value: string) => void }) {
  const name = workspace.value?.name ?? tenant.value;
  return (
    <Field
      label={label}
      value={value}
      set={set}
      options={[
        ["one", `This workspace: ${name}`],
        ["all", "All workspaces"],
      ]}
    />
  );
}
