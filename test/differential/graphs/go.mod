module lasthop.dev/test/differential

go 1.25.0
