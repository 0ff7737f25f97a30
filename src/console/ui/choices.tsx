/** What listings and questions are narrowed by. */
import { useLayoutEffect, useState } from 'preact/hooks';
import type { Query } from '../client/http.ts';
import { tenants, trunks } from '../client/resources.ts';
import type { Page } from '../client/types.ts';
import { useQuery } from '../client/use-query.ts';
import { t } from '../text/index.ts';
import { SelectField, TextField } from './form.tsx';

const DIRECTIONS = ['outbound', 'inbound', 'internal'] as const;

interface ChoiceProps {
  readonly value: string;
  readonly onChange: (value: string) => void;
}

export function DirectionChoice({ value, onChange }: ChoiceProps) {
  return (
    <SelectField
      label={t('fact.direction')}
      value={value}
      onChange={onChange}
      options={[
        { value: '', label: t('records.every') },
        ...DIRECTIONS.map((direction) => ({ value: direction, label: t(`direction.${direction}`) })),
      ]}
    />
  );
}

/** More are found by typing. */
const MOST_LISTED = 100;

interface Choosable {
  readonly value: string;
  readonly label: string;
}

interface FoundChoiceProps extends ChoiceProps {
  readonly label: string;
  readonly help?: string;
  readonly error?: string | undefined;
  /** What no choice is called; absent: the first one is chosen. */
  readonly none?: string;
  /** Not offered again. */
  readonly taken?: readonly string[];
}

interface FoundAmong {
  /** Tells this question from others. */
  readonly name: string;
  readonly find: (query: Query) => Promise<Page<Choosable>>;
}

/** One of any number: of many it is found by typing a part of its name. */
function FoundChoice(props: FoundChoiceProps & FoundAmong) {
  const { value, onChange, none, taken = [], name, find, ...field } = props;
  const [typed, setTyped] = useState<string>();
  /** What was typed in full. */
  const [picked, setPicked] = useState<Choosable>();
  const found = useQuery(`${name} ${typed ?? ''}`, () =>
    find({ limit: MOST_LISTED, ...(typed === undefined || typed === '' ? {} : { q: typed }) }),
  ).data;
  const known = (found?.items ?? []).filter((each) => each.value === value || !taken.includes(each.value));
  const first = known[0]?.value;
  const pick = (text: string) => {
    const match = known.find(({ label }) => label === text);
    if (match !== undefined) setPicked(match);
    return match?.value;
  };
  // All before anybody can type into what is drawn: later one of them would take back what was typed meanwhile.
  useLayoutEffect(() => {
    if (none === undefined && value === '' && typed === undefined && first !== undefined) onChange(first);
  }, [none, value, first]);
  useLayoutEffect(() => {
    // It was typed, or pasted, before it was found.
    const late = typed === undefined ? undefined : pick(typed);
    if (late !== undefined && late !== value) onChange(late);
  }, [found]);
  useLayoutEffect(() => {
    // Somebody else has chosen.
    if (value !== '' && picked?.value !== value) setTyped(undefined);
  }, [value]);
  const chosen = [picked, ...known].find((each) => each?.value === value) ?? { value, label: value };
  if (typed === undefined && (found?.total ?? 0) <= MOST_LISTED) {
    const rest = known.filter((each) => each.value !== value);
    const options = known.includes(chosen) || value === '' ? known : [chosen, ...rest];
    return (
      <SelectField
        {...field}
        value={value}
        onChange={onChange}
        options={[...(none === undefined ? [] : [{ value: '', label: none }]), ...options]}
      />
    );
  }
  return (
    <TextField
      {...field}
      value={typed ?? chosen.label}
      placeholder={none ?? ''}
      list={known.map(({ label }) => label)}
      onInput={(text) => {
        setTyped(text);
        onChange(pick(text) ?? '');
      }}
    />
  );
}

const trunksFound = async (query: Query): Promise<Page<Choosable>> => {
  const page = await trunks.list(query);
  return { ...page, items: page.items.map(({ id, name }) => ({ value: id, label: name })) };
};

const tenantsFound = async (query: Query): Promise<Page<Choosable>> => {
  const page = await tenants.list(query);
  return { ...page, items: page.items.map(({ name }) => ({ value: name, label: name })) };
};

/** A trunk, by its id. */
export function TrunkChoice({ every = false, ...props }: ChoiceProps & { readonly every?: boolean }) {
  const none = every ? { none: t('records.every') } : {};
  return <FoundChoice {...props} {...none} label={t('fact.trunk')} name="trunk-choice" find={trunksFound} />;
}

/** A tenant, by its name. */
export function TenantChoice(props: FoundChoiceProps) {
  return <FoundChoice {...props} name="tenant-choice" find={tenantsFound} />;
}
