// The style sheet of map_svg: colours for light and dark screens.
#pragma once

#include <cstddef>
#include <string_view>

namespace bulkhead::report {

// Classes c0 to c7, for tenants and for containers in several networks: a help to the eye only, as
// both are also told in words.
inline constexpr std::size_t kColours = 8;

// Plain classes and no variables, which several viewers do not know. Text has a contrast of at
// least 4.5 to what is behind it, a frame or a colour of 3 (WCAG 2.1 AA);
// tests/report/drawing_test.py computes them.
inline constexpr std::string_view kMapStyleSheet = R"css(
text{font:11px ui-monospace,"DejaVu Sans Mono",Menlo,Consolas,"Noto Sans Mono CJK JP",monospace;fill:#1f2328}
.title{font:bold 20px system-ui,"DejaVu Sans","Noto Sans CJK JP",sans-serif}
.heading{font:bold 14px system-ui,"DejaVu Sans","Noto Sans CJK JP",sans-serif}
.name{font-size:12.5px;font-weight:bold}
.mark{font-weight:bold}
.page{fill:#f6f8fa}
.dim{fill:#4d5762}
.mark{fill:#8a3000}
.listening{fill:#0b5d28}
.published{fill:#9a0f24;font-weight:bold}
.host>.frame{fill:#ffffff;stroke:#424a53;stroke-width:2}
.uplink>.frame,.panel>.frame{fill:#f0f2f5;stroke:#6e7781}
.network>.frame{fill:#e8f1fc;stroke:#2f6fb5}
.hostmode>.frame{fill:#fdf3da;stroke:#8a6100}
.apart>.frame,.link>.frame{fill:#f0f2f5;stroke:#6e7781}
.card>.frame,.swatch>.frame{fill:#ffffff;stroke:#6e7781}
.internet>.frame{fill:#ffebe9;stroke:#cf222e}
.lan>.frame{fill:#e2f4e6;stroke:#1a7f37}
.dmz>.frame{fill:#fff3cf;stroke:#8a6100}
.management>.frame{fill:#f6ecff;stroke:#8250df}
.internal>.frame{stroke-dasharray:7 4;stroke-width:2}
.shared>.frame{stroke:#b54708;stroke-width:4}
.wire{fill:none;stroke:#6e7781;stroke-width:2}
.same{fill:none;stroke:currentColor;stroke-width:2;stroke-dasharray:3 4}
.tenant,.badge circle{fill:currentColor}
.badge text{fill:#ffffff;font-weight:bold;text-anchor:middle}
.c0{color:#0969da}.c1{color:#1a7f37}.c2{color:#b35900}.c3{color:#bf3989}
.c4{color:#0e7490}.c5{color:#8250df}.c6{color:#8a6100}.c7{color:#59636e}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.page{fill:#0d1117}
.dim{fill:#a9b4bf}
.mark{fill:#ffb77c}
.listening{fill:#7ee2a0}
.published{fill:#ffa198}
.host>.frame{fill:#151b23;stroke:#9198a1}
.uplink>.frame,.panel>.frame{fill:#212830;stroke:#7d8590}
.network>.frame{fill:#152a43;stroke:#5a9be6}
.hostmode>.frame{fill:#33290f;stroke:#c69026}
.apart>.frame,.link>.frame{fill:#212830;stroke:#7d8590}
.card>.frame,.swatch>.frame{fill:#0d1117;stroke:#7d8590}
.internet>.frame{fill:#3d1519;stroke:#f47067}
.lan>.frame{fill:#12301c;stroke:#57ab5a}
.dmz>.frame{fill:#33290f;stroke:#c69026}
.management>.frame{fill:#2a1d40;stroke:#b083f0}
.shared>.frame{stroke:#f0883e}
.wire{stroke:#9198a1}
.badge text{fill:#0d1117}
.c0{color:#58a6ff}.c1{color:#3fb950}.c2{color:#f0883e}.c3{color:#e275ad}
.c4{color:#39c5cf}.c5{color:#b083f0}.c6{color:#d29922}.c7{color:#9198a1}
}
)css";

}  // namespace bulkhead::report
