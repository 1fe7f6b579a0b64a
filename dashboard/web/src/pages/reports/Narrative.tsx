/** A report's text; that of a draft can be edited. */
import { useState } from "preact/hooks";
import { ask } from "../../api/ask";
import { useCommand } from "../../api/use_command";
import { Field } from "../../components/Field";
import { Form } from "../../components/Form";
import { isNow } from "../../state/moment";
import { may } from "../../state/session";

interface NarrativeProps {
  id: string;
  text: string | null;
  isDraft: boolean;
}

export function Narrative({ id, text, isDraft }: NarrativeProps) {
  const [draft, setDraft] = useState<string | null>(null);
  const command = useCommand();
  const save = async () => {
    const body = { narrative: draft ?? "" };
    const route = "/api/v1/tenants/{tenant}/reports/{report_id}/narrative";
    if (await command.run(() => ask("put", route, { filling: { report_id: id }, body }))) setDraft(null);
  };
  const canEdit = isDraft && may("operator") && isNow.value;
  if (draft !== null && canEdit) {
    return (
      <Form
        class="form no-print"
        command={command}
        submit={() => void save()}
        action="Save narrative"
        aside={
          <button type="button" class="control" onClick={() => setDraft(null)}>
            Cancel
          </button>
        }
      >
        <Field label="Narrative" rows={8} value={draft} set={setDraft} />
      </Form>
    );
  }
  return (
    <div>
      {text && (
        <p class="narrative">
          <bdi>{text}</bdi>
        </p>
      )}
      {canEdit && (
        <button class="link no-print" onClick={() => setDraft(text ?? "")}>
          {text ? "Edit narrative" : "Write a narrative"}
        </button>
      )}
    </div>
  );
}
