/** The shape of what is being read, so that nothing moves when it comes. */
import { Head } from "./Head";

export function Skeleton({ lines = 4 }: { lines?: number }) {
  return (
    <div class="skeleton" aria-hidden="true">
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
