#!/bin/sh
# build.sh BIN VERSION OUT makes OUT/seraph_VERSION_ARCH.deb of the static programs in BIN, with
# dpkg-deb and nothing else of Debian's tools. What it installs where stands in README.md.
set -eu
umask 022
[ $# -eq 3 ] || { echo "usage: build.sh BIN VERSION OUT" >&2; exit 2; }
bin=$1 out=$3
here=$(cd "$(dirname "$0")" && pwd)
deploy=$(dirname "$here")

# A version of Debian's begins with a digit; one of git's may be the hash of a commit.
version=$(printf '%s' "${2#v}" | tr -c 'A-Za-z0-9.+~' '.')
case $version in [0-9]*) ;; *) version="0~$version" ;; esac
arch=$(dpkg --print-architecture)

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 0755 "$root"

for program in seraph-proxy seraph-webui seraphctl; do
	install -D -m 0755 "$bin/$program" "$root/usr/bin/$program"
done
for unit in seraph-proxy seraph-webui; do
	install -D -m 0644 "$deploy/systemd/$unit.service" "$root/usr/lib/systemd/system/$unit.service"
	install -D -m 0600 "$here/$unit.default" "$root/etc/default/$unit"
done
install -D -m 0644 "$deploy/sysusers.d/seraph.conf" "$root/usr/lib/sysusers.d/seraph.conf"
install -D -m 0644 "$deploy/tmpfiles.d/seraph.conf" "$root/usr/lib/tmpfiles.d/seraph.conf"
install -D -m 0644 "$deploy/seraph.cfg" "$root/etc/seraph/seraph.cfg"
install -D -m 0644 "$deploy/webui.toml" "$root/etc/seraph/webui.toml"

doc=$root/usr/share/doc/seraph
install -D -m 0644 "$deploy/nginx.conf" "$doc/examples/nginx.conf"
install -m 0644 "$deploy/examples/"*.cfg "$doc/examples/"
cp -R "$deploy/../docs" "$doc/docs"
rm -rf "$doc/docs/screenshots"
install -m 0644 "$deploy/../README.md" "$deploy/../CHANGELOG.md" "$doc/"
install -m 0644 "$deploy/../LICENSE" "$doc/copyright"
# The modules' pages, which stand beside their code, and the links to what lies elsewhere here.
mkdir "$doc/docs/modules"
for page in "$deploy/../proxy/internal/modules/"*/README.md; do
	install -m 0644 "$page" "$doc/docs/modules/$(basename "$(dirname "$page")").md"
done
install -m 0644 "$here/README.md" "$doc/docs/debian.md"
module='proxy/internal/modules/\([A-Za-z0-9_]*\)/README\.md'
links() { # links BACK PAGES EXAMPLES FILE…: BACK leads to the root of the source
	back=$1 pages=$2 examples=$3
	shift 3
	sed -i "s|($back$module|(${pages}modules/\1.md|g
		s|$module|docs/modules/\1.md|g
		s|(${back}deploy/debian/README\.md|(${pages}debian.md|g
		s|(${back}deploy/examples/|(${examples}examples/|g
		s|(${back}deploy/nginx\.conf|(${examples}examples/nginx.conf|g
		s#(${back}deploy/\(webui\.toml\|seraph\.cfg\)#(/etc/seraph/\1#g" "$@"
}
links '\.\./' '' ../ "$doc/docs/"*.md
links '' docs/ '' "$doc/README.md"
sed -i 's|(\.\./\.\./docs/|(|' "$doc/docs/debian.md"
sed -i 's|(\(\.\./\)*docs/|(../|g; s|(\.\./\([a-z0-9_]*\)/README\.md|(\1.md|g' "$doc/docs/modules/"*.md
mkdir -p "$root/usr/share/man/man1" "$root/usr/share/bash-completion/completions"
"$bin/seraphctl" man | gzip -n9 >"$root/usr/share/man/man1/seraphctl.1.gz"
"$bin/seraphctl" completion bash >"$root/usr/share/bash-completion/completions/seraphctl"

control=$root/DEBIAN
size=$(du -sk "$root" | cut -f1)
mkdir "$control"
sed "s/@VERSION@/$version/; s/@ARCH@/$arch/; s/@SIZE@/$size/" "$here/control" >"$control/control"
# What the operator edits stays as it is when the package is upgraded.
(cd "$root" && find etc -type f | sort | sed 's|^|/|') >"$control/conffiles"
(cd "$root" && find usr -type f | sort | xargs md5sum) >"$control/md5sums"
for script in postinst prerm postrm; do
	install -m 0755 "$here/$script" "$control/$script"
done
find "$root" -type d -exec chmod 0755 {} +
find "$doc" "$root/usr/share" -type f -exec chmod 0644 {} +
chmod 0644 "$control/control" "$control/conffiles" "$control/md5sums"

mkdir -p "$out"
dpkg-deb --root-owner-group --build "$root" "$out/seraph_${version}_${arch}.deb"
