/** Says that the past is looked at, and leads back. */
import { MOMENT, momentText } from "../state/moment";
import { setQuery } from "../state/router";

export function MomentBanner() {
  if (momentText.value === null) return null;
  return (
    <div class="banner past" role="status">
      <span>{momentText.value}</span>
      <button class="link" onClick={() => setQuery(Object.fromEntries(MOMENT.map((name) => [name, null])))}>
        Back to now
      </button>
    </div>
  );
}
