# Aliases of one line each; nothing is built here that the scripts and presets do not build.
.PHONY: all demo test asan tsan coverage fuzz format tidy headers tools bench-peers bench-eval bench-loader bench-train cfg clean

all:        ; cmake --preset release && cmake --build --preset release
demo:       ; ./demo.sh
test:       ; ./test.sh
asan:       ; ./test.sh --preset asan unit fuzz property fault
tsan:       ; ./test.sh --preset tsan unit property
coverage:   ; ./test.sh --preset coverage unit parity property fault cli && tools/coverage.py build/coverage
fuzz:       ; tools/fuzz.sh $(or $(SECONDS_EACH),60)
format:     ; tools/check_format.sh --fix
tidy:       ; tools/check_tidy.sh
headers:    ; cmake --build --preset dev --target all_verify_interface_header_sets
tools:      ; ./test.sh tools
bench-peers: ; tests/bench/peers/run.sh
bench-eval:  ; tests/bench/eval/run.sh
bench-loader: ; tests/bench/loader/run.sh
bench-train:  ; tests/bench/train/run.sh
cfg:        all ; tools/write_cfgs.sh build/release/app/syolo
clean:      ; rm -rf build demo-out
