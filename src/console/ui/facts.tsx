/** Facts by name, and numbers that stand large. */
import type { ComponentChildren } from 'preact';

/** One of a list of facts; nothing where there is nothing to tell. */
export function Fact({ name, mono = false, children }: { name: string; mono?: boolean; children: ComponentChildren }) {
  if (children === undefined || children === '' || children === false) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd class={mono ? 'mono break' : 'break numeric'}>{children}</dd>
    </>
  );
}

export function Figure({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <div class="card">
      <dt>{name}</dt>
      <dd class="numeric">{value}</dd>
    </div>
  );
}
