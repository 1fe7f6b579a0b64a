/** An instant in the workspace's zone, on one line. */
import { UNKNOWN, instant } from "../format";
import { zone } from "../state/session";

export function When({ at }: { at: string | null | undefined }) {
  return at ? <time dateTime={at}>{instant(at, zone.value)}</time> : <>{UNKNOWN}</>;
}
