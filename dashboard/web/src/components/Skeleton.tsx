/** The shape of what is being read, so that nothing moves when it comes. */
import { Head } from "./Head";

/** Lines; `held` where their place is kept, so that what stands below need not wait. */
export function Skeleton({ lines = 4, held }: { lines?: number; held?: boolean }) {
  return (
    <div class={`skeleton ${held ? "held" : ""}`} aria-hidden="true">
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} />
      ))}
    </div>
  );
}

export function PageSkeleton({ title }: { title: string }) {
  return (
    <>
      <Head title={title} />
      <div aria-busy="true">
        <Skeleton lines={8} />
      </div>
    </>
  );
}
