import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Link } from '../router.tsx';
import { Icon, type IconName } from './icons.tsx';

type Kind = 'primary' | 'plain' | 'quiet' | 'danger' | 'danger-quiet';

interface Looks {
  /** What it says. */
  readonly label?: string;
  /** In place of the label, where it is more than a text. */
  readonly children?: ComponentChildren;
  readonly kind?: Kind;
  readonly icon?: IconName;
  readonly small?: boolean;
  readonly wide?: boolean;
}

type ButtonProps = Looks &
  Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'class' | 'icon' | 'label' | 'children' | 'disabled'> & {
    /** Work is under way, as it is until a promise of `onClick` is settled: pressing again does nothing, and the focus stays. */
    readonly busy?: boolean;
    /** There is nothing to do: pressing does nothing, and the focus stays, which a browser takes from what it disables itself. */
    readonly disabled?: boolean;
  };

function classOf({ kind = 'plain', small = false, wide = false }: Looks): string {
  return ['button', kind === 'plain' ? '' : `button-${kind}`, small ? 'button-small' : '', wide ? 'button-wide' : '']
    .filter((name) => name !== '')
    .join(' ');
}

export function Button({
  kind,
  icon,
  small,
  wide,
  busy: isBusy = false,
  disabled = false,
  label,
  children = label,
  onClick,
  type = 'button',
  ...rest
}: ButtonProps) {
  const [isWorking, setWorking] = useState(false);
  const isInert = isBusy || isWorking || disabled;
  const looks = { ...(kind && { kind }), ...(small && { small }), ...(wide && { wide }) };
  return (
    <button
      {...rest}
      type={type}
      class={classOf(looks)}
      aria-disabled={isInert ? 'true' : undefined}
      onClick={(event) => {
        if (isInert) return event.preventDefault();
        const asked: unknown = onClick?.(event);
        if (!(asked instanceof Promise)) return;
        setWorking(true);
        void asked.finally(() => setWorking(false));
      }}
    >
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </button>
  );
}

export function ButtonLink({ to, label, children = label, icon, ...looks }: Looks & { to: string }) {
  return (
    <Link to={to} class={classOf(looks)}>
      {icon === undefined ? null : <Icon name={icon} />}
      {children}
    </Link>
  );
}

/** A file that the engine makes; the browser saves it. */
export function ButtonDownload({
  href,
  file,
  label,
  icon = 'download',
  ...looks
}: Looks & { href: string; file: string }) {
  return (
    <a href={href} download={file} class={classOf(looks)}>
      <Icon name={icon} />
      {label}
    </a>
  );
}
