/** What listings and questions are narrowed by. */
import { useEffect, useState } from 'preact/hooks';
import { trunks } from '../client/resources.ts';
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
      label={t('call.direction')}
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

/** A trunk, by its id; of many it is found by typing a part of its name. */
export function TrunkChoice({ value, onChange, every = false }: ChoiceProps & { readonly every?: boolean }) {
  const [typed, setTyped] = useState('');
  const found = useQuery(`trunk-choice ${typed}`, () =>
    trunks.list({ limit: MOST_LISTED, ...(typed === '' ? {} : { q: typed }) }),
  ).data;
  const known = found?.items ?? [];
  const first = known[0]?.id;
  useEffect(() => {
    if (!every && value === '' && first !== undefined) onChange(first);
  }, [every, value, first]);
  if (typed === '' && (found?.total ?? 0) <= MOST_LISTED)
    return (
      <SelectField
        label={t('calls.trunk')}
        value={value}
        onChange={onChange}
        options={[
          ...(every ? [{ value: '', label: t('records.every') }] : []),
          ...known.map(({ id, name }) => ({ value: id, label: name })),
        ]}
      />
    );
  return (
    <TextField
      label={t('calls.trunk')}
      value={typed}
      placeholder={every ? t('records.every') : ''}
      list={known.map(({ name }) => name)}
      onInput={(text) => {
        setTyped(text);
        onChange(known.find(({ name }) => name === text)?.id ?? '');
      }}
    />
  );
}
